"""A judge is held against people with the tasks, and trains nobody below its floor."""

import json
import re

import pytest

from mlpo_core import cli
from mlpo_core.chain.keys import key, origin
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import load, parse
from mlpo_core.judging.agreement import agreement
from mlpo_core.judging.labelled import labelled
from mlpo_core.store import Dataset, Store
from tests.core.judging.plain_judge import plain_judge
from tests.paid_server import paid_server


@pytest.fixture
def server():
    with paid_server() as running:
        running.write = plain_judge
        yield running


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def questions(folder, count=30, **more):
    return lines(
        folder / "own.jsonl", [{"question": f"Question {n}?", "answer": f"gold{n}.", **more} for n in range(count)]
    )


def sample(folder, mistakes=0, each=10):
    """`each` right and wrong answers; of the right ones, people call so many wrong which the judge calls right."""
    rows = [
        {
            "question": f"Question {n}?",
            "answer": f"It is gold{n}." if n < each else "It is not.",
            "right": int(n < each),
        }
        for n in range(2 * each)
    ]
    for row in rows[:mistakes]:
        row["right"] = 0
    return lines(folder / "labelled.jsonl", rows)


def raw(folder, server, labelled="", leader=True, kind="judge", **judge):
    own = {"model": "judge", "rubric": "The same.", "labelled": labelled, **judge}
    own["engine"] = {"kind": "openai", "base_url": server.url, "retries": 0, "price": {"input": 1000.0, "output": 0.0}}
    source = {"source": str(folder / "own.jsonl"), **({"answer_kind": kind} if kind else {})}
    return {
        "name": "lab",
        "tasks": [source],
        "team": {"agents": [{"name": "a", "model": "m"}]},
        "grading": {"judge": own},
        **({"leader": {"model": "l"}} if leader else {}),
    }


def tasks(folder, experiment):
    ref = run(resolve("tasks", experiment, Store(str(folder / "root")))).ref
    return Dataset(ref)


def test_agreement_stands_in_the_manifest_and_costs_once(tmp_path, server):
    questions(tmp_path)
    experiment = parse(raw(tmp_path, server, sample(tmp_path, mistakes=0)), "lab")
    made = tasks(tmp_path, experiment)
    found = made.manifest.stats["judge"]
    assert (found["both_right"], found["missed"], found["let_pass"], found["both_wrong"]) == (10, 0, 0, 10)
    assert (found["accuracy"], found["kappa"], found["answers"], found["calls"]) == (1.0, 1.0, 20, 20)
    assert found["dollars"] == pytest.approx(20 * 0.01) and found["model"] == "judge"
    assert len(server.asked) == 20
    stricter = parse(raw(tmp_path, server, str(tmp_path / "labelled.jsonl"), floor=0.9), "lab")
    again = tasks(tmp_path, stricter)
    assert again.ref.key != made.ref.key and again.ref.digest == made.ref.digest, "nothing after it is made anew"
    assert len(server.asked) == 20, "stored replies are not asked for again"


def test_a_judge_below_the_floor_trains_nobody(tmp_path, server):
    questions(tmp_path)
    location = sample(tmp_path, mistakes=5, each=15)
    below = parse(raw(tmp_path, server, location, floor=0.7), "lab")
    with pytest.raises(BadInput, match=r"may not train a leader: Cohen's kappa with people is 0\.67, below .*0\.7"):
        tasks(tmp_path, below)
    assert Store(str(tmp_path / "root")).find("tasks", key("tasks", origin(STAGES["tasks"], below, {}))) is None
    made = tasks(tmp_path, parse(raw(tmp_path, server, location, floor=0.6), "lab"))
    assert made.manifest.stats["judge"]["let_pass"] == 5
    shown = tasks(tmp_path, parse(raw(tmp_path, server, location, leader=False, floor=0.7), "lab"))
    assert shown.manifest.stats["judge"]["kappa"] == pytest.approx(2 / 3)


def test_too_small_a_sample_trains_nobody(tmp_path, server):
    questions(tmp_path)
    with pytest.raises(BadInput, match="has 4 right and 4 wrong answers, and takes 10 of each"):
        tasks(tmp_path, parse(raw(tmp_path, server, sample(tmp_path, each=4)), "lab"))


def test_judged_rows_are_found_where_no_source_says_so(tmp_path, server):
    questions(tmp_path, answer_kind="judge")
    with pytest.raises(BadInput, match=r"grading\.judge\.labelled: rows of `tasks` are graded by a judge"):
        tasks(tmp_path, parse(raw(tmp_path, server, kind=None), "lab"))
    assert not server.asked
    without = raw(tmp_path, server, kind=None, leader=False)
    del without["grading"]
    with pytest.raises(BadInput, match="none is named here"):
        tasks(tmp_path, parse(without, "lab"))
    assert tasks(tmp_path, parse(raw(tmp_path, server, kind=None, leader=False), "lab")).manifest.rows == 30
    with pytest.raises(BadInput, match="rows of `tasks` are graded by a judge"):
        tasks(tmp_path, parse(raw(tmp_path, server, kind=None), "lab"))
    assert not server.asked


def test_bad_labelled_rows_are_told_all_at_once(tmp_path, server):
    questions(tmp_path)
    good = {"question": "Question 1?", "answer": "gold1.", "right": True}
    rows = [
        good,
        {**good, "right": 2},
        {**good, "question": "Another?"},
        {"question": "Another?", "answer": "a", "gold": "b", "right": "wrong"},
        {**good, "answer": " "},
    ]
    location = lines(tmp_path / "labelled.jsonl", rows)
    with pytest.raises(BadInput) as refused:
        labelled(parse(raw(tmp_path, server, location), "lab"))
    told = str(refused.value)
    assert "3 rows cannot be used" in told and re.findall(r"line (\d)", told) == ["2", "3", "5"]
    assert "right: expected 1 or 0, got 2" in told and "gold: there is none" in told and "answer: there is none" in told
    lines(tmp_path / "labelled.jsonl", [rows[0], rows[3]])
    one, other = labelled(parse(raw(tmp_path, server, location), "lab"))
    assert (one.task.answer, one.right, other.task.answer, other.right) == ("gold1.", True, "b", False)


def test_agreement_by_hand():
    found = agreement([True] * 25 + [False] * 25, [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15)
    assert (found.both_right, found.missed, found.let_pass, found.both_wrong) == (20, 5, 10, 15)
    assert found.accuracy == 0.7 and found.kappa == pytest.approx(0.4)
    low, high = found.kappa_interval
    assert low < 0.16 < 0.63 < high < 0.7, "about 0.4 ± 1.96 · 0.13"
    assert agreement([True, True], [True, True]).kappa is None
    assert agreement([True, False], [False, True]).kappa == pytest.approx(-1)


def test_the_command_shows_where_they_differ(tmp_path, server, capsys, monkeypatch):
    questions(tmp_path)
    (tmp_path / "rubric.md").write_text("The same, in any words.")
    experiment = raw(tmp_path, server, sample(tmp_path, mistakes=1), rubric_file="rubric.md")
    del experiment["grading"]["judge"]["rubric"]
    (tmp_path / "lab.yaml").write_text(json.dumps(experiment))
    assert load(tmp_path / "lab.yaml").grading.judge.rubric == "The same, in any words."
    assert cli.main(["judge", str(tmp_path / "lab.yaml"), "--root", str(tmp_path / "root")]) == 0
    told = capsys.readouterr().out
    assert "judge and people agree on 95.0% of 20 answers" in told and "Cohen's kappa 0.90" in told
    assert "people wrong, judge right: Question 0?" in told and "held against gold0." in told
    assert "may train a leader: no: the labelled sample has 9 right" in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.md", "is no file"),
        ("../out.md", "rubric_file"),
        ("empty.md", "is empty"),
        ("both.md", "keep one of them"),
    ],
)
def test_a_rubric_that_cannot_be_read(tmp_path, server, name, told):
    (tmp_path / "empty.md").write_text(" ")
    (tmp_path / "both.md").write_text("b")
    experiment = raw(tmp_path, server, leader=False, rubric_file=name)
    if name != "both.md":
        del experiment["grading"]["judge"]["rubric"]
    (tmp_path / "lab.yaml").write_text(json.dumps(experiment))
    with pytest.raises(BadInput, match=told):
        load(tmp_path / "lab.yaml")


def test_what_changes_no_verdict_is_in_no_key_of_answers(tmp_path, server):
    questions(tmp_path)
    location = sample(tmp_path)

    def keys(**judge):
        experiment = parse(raw(tmp_path, server, **{"labelled": location, **judge}), "lab")
        return {a: key(a, origin(STAGES[a], experiment, dict.fromkeys(STAGES[a].inputs))) for a in ("tasks", *GRADED)}

    plain = keys()
    assert {a for a, k in keys(floor=0.1).items() if k != plain[a]} == {"tasks"}
    assert set(keys(rubric="Other.")) == {a for a, k in keys(rubric="Other.").items() if k != plain[a]}
    lines(tmp_path / "labelled.jsonl", [{"question": "Question 1?", "answer": "x", "right": 0}])
    assert {a for a, k in keys().items() if k != plain[a]} == {"tasks"}


GRADED = ("agent_proposals", "sft_dataset", "mlpo_leader", "team_rounds")
