"""Functions of one's own as checkers: verdicts, and failures that are counted and named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpo_core.chain.keys import origin
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, Grading, parse
from mlpo_core.experiment.reading import load
from mlpo_core.grading import Grader, checker, self_check
from mlpo_core.types import Task, Verdict
from tests.core.tasks.test_own import lines

OWN = "tests.core.grading.own_checkers.checks"
TASK = Task("t", "mine", "", "test", "Which?", (), "ab", "checker")


@pytest.fixture(scope="module")
def graders() -> Iterator[dict[str, Grader]]:
    """A grader for every checker, with one process."""
    made = {
        name: Grader(1, Grading(checkers={"mine": f"{OWN}:{name}"}))
        for name in ("is_palindrome", "is_long", "raises", "returns_nonsense", "hangs")
    }
    yield made
    for grader in made.values():
        grader.close()


def verdicts(grader: Grader, *responses: str | None) -> list[Verdict]:
    return grader.grade_many([(TASK, response) for response in responses])


def test_a_function_of_ones_own_says_what_is_right(graders: dict[str, Grader]):
    found = verdicts(
        graders["is_palindrome"],
        "<answer>abcba</answer>",
        "The answer is **xabax**.",
        "<answer>abc</answer>",
        None,
        " ",
    )
    assert [verdict.correct for verdict in found] == [True, True, False, False, False]
    assert found[0].extracted == "abcba" and found[3] == found[4] == Verdict(None, False, False)


def test_a_parameter_called_response_gets_all_of_it(graders: dict[str, Grader]):
    found = verdicts(graders["is_long"], "<think>A long thought.</think><answer>ab</answer>", "<answer>ab</answer>")
    assert [verdict.correct for verdict in found] == [True, False]


def test_what_raises_is_wrong_counted_and_named(graders: dict[str, Grader], capsys: pytest.CaptureFixture[str]):
    grader = graders["raises"]
    found = verdicts(grader, "<answer>known</answer>", "<answer>other</answer>", "<answer>exit</answer>")
    assert [verdict[1:3] for verdict in found] == [(True, False), (False, True), (False, True)]
    assert f"the checker {OWN}:raises of mine gave no verdict on 2 answers" in capsys.readouterr().err
    assert verdicts(grader, *["<answer>other</answer>"] * 9)[0] == Verdict("other", False, True)


def test_a_checker_that_does_nothing_but_fail_is_an_error_that_names_it(graders: dict[str, Grader]):
    assert verdicts(graders["returns_nonsense"], "<answer>a</answer>") == [Verdict("a", False, True)]
    with pytest.raises(BadInput, match=f"{OWN}:returns_nonsense of mine failed on all 9 answers so far: it returned 1"):
        verdicts(graders["returns_nonsense"], *["<answer>a</answer>"] * 8)
    with pytest.raises(BadInput, match="failed on all 3 answers so far: it returned 2"):
        self_check([TASK], Grading(checkers={"mine": f"{OWN}:returns_nonsense"}))


def test_what_hangs_or_leaves_is_stopped(graders: dict[str, Grader], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checker, "CHECK_S", 0.3)
    monkeypatch.setattr(checker, "WAIT_S", 3.0)
    said = [f"<answer>{word}</answer>" for word in ("fine", "work", "wait", "leave", "fine")]
    found = verdicts(graders["hangs"], *said)
    assert [verdict[1:3] for verdict in found] == [(True, False), *[(False, True)] * 3, (True, False)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (f"{OWN}:nothing", "has no 'nothing'"),
        (f"{OWN}:NOT_A_FUNCTION", "cannot be called"),
        ("no_such_package.checks:is_right", "there is no module no_such_package"),
        ("no_such_entry_point", "is unknown here"),
    ],
)
def test_a_checker_that_cannot_be_loaded_is_told(path: str, reason: str):
    with Grader(1, Grading(checkers={"mine": path})) as grader, pytest.raises(BadInput, match=reason):
        verdicts(grader, "<answer>a</answer>")


def test_rows_alone_make_nothing_run():
    with Grader(1) as grader, pytest.raises(BadInput, match="which this experiment does not name"):
        verdicts(grader, "<answer>a</answer>")


def experiment(source: Path, **task: object) -> Experiment:
    agents = [{"name": "a", "model": "m"}]
    tasks = [{"source": str(source), "benchmark": "mine", "checker": f"{OWN}:raises", **task}]
    return parse({"name": "x", "tasks": tasks, "team": {"agents": agents}}, "x")


def test_the_checkers_source_is_in_the_keys_of_what_it_grades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "their_checks.py").write_text("def is_right(task, answer):\n    return True\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = lines(tmp_path / "own.jsonl", {"question": "?", "answer": "a"})
    found = origin(STAGES["tasks"], experiment(path, checker="their_checks:is_right"), {})
    assert "checker of mine" in found.config["external"]
    assert found.config["config"]["grading"] == {"checkers": {"mine": "their_checks:is_right"}}


def test_two_sources_of_a_benchmark_have_one_checker(tmp_path: Path):
    with pytest.raises(BadInput, match="instead of answer_kind"):
        experiment(tmp_path / "own.jsonl", answer_kind="number")
    raw = experiment(tmp_path / "own.jsonl").model_dump(mode="json", include={"name", "tasks", "team"})
    with pytest.raises(BadInput, match="has another one"):
        parse({**raw, "tasks": [*raw["tasks"], {**raw["tasks"][0], "checker": ""}]}, "x")


@pytest.mark.parametrize(
    "setting",
    [
        "tasks.0.checker=os:system",
        "tasks=[{source: own.jsonl, checker: 'os:system'}]",
        "grading.run_code=true",
        "grading={run_code: true}",
        "sweep={a: {b: {tasks.0.checker: 'os:system'}}}",
    ],
)
def test_only_the_file_names_code(tmp_path: Path, setting: str):
    file = tmp_path / "x.yaml"
    file.write_text(
        "name: x\ntasks: [{source: own.jsonl, checker: 'my.checks:is_right'}]\nteam: {agents: [{name: a, model: m}]}\n"
    )
    assert load(file, ("tasks.0.train=3",)).grading.checkers == {"own": "my.checks:is_right"}
    with pytest.raises(BadInput, match="only the experiment's file sets it"):
        load(file, (setting,))
