"""The `tasks` asset: generated, published and recorded tasks, divided, counted, and the same every time."""

import json
from collections import Counter

import pytest

from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.errors import BadInput
from mlpo_core.experiment import parse
from mlpo_core.store import Dataset, Store
from mlpo_core.tasks import read_tasks


def build(root, *sources, seed=1, **sections):
    team = {"agents": [{"name": "a", "model": "m"}]}
    raw = {"name": "x", "seed": seed, "tasks": list(sources), "team": team, **sections}
    config = parse(raw, "x")
    store = Store(str(root))
    ref = run(resolve("tasks", config, store)).ref
    assert ref is not None
    return Dataset(ref)


def by_split(dataset):
    return Counter(row["split"] for row in dataset.rows(["split"]))


PROCEDURAL = {"benchmark": "procedural", "subjects": ["sum", "sort", "reverse"], "train": 31, "dev": 10, "test": 20}


def test_procedural_tasks_fill_every_limit_evenly(tmp_path):
    dataset = build(tmp_path, PROCEDURAL)
    assert by_split(dataset) == {"train": 31, "dev": 10, "test": 20}
    families = Counter(row["subject"] for row in dataset.rows() if row["split"] == "train")
    assert families == {"sum": 11, "sort": 10, "reverse": 10}
    assert dataset.manifest.stats["headline"] == {"train": 31, "dev": 10, "test": 20}
    assert dataset.manifest.stats["gold_graded_wrong"]["count"] == 0


def test_the_same_seed_gives_the_same_digest_and_another_other_tasks(tmp_path):
    first, again = build(tmp_path / "a", PROCEDURAL), build(tmp_path / "b", PROCEDURAL)
    other = build(tmp_path / "c", PROCEDURAL, seed=2)
    assert first.ref.digest == again.ref.digest != other.ref.digest


def test_more_training_tasks_leave_the_test_tasks_as_they_are(tmp_path):
    few = read_tasks(build(tmp_path, PROCEDURAL), {"test"})
    many = read_tasks(build(tmp_path, {**PROCEDURAL, "train": 300}), {"test"})
    assert len(few) == 20
    assert few == many


def test_an_exhausted_family_is_an_error(tmp_path):
    source = {
        "benchmark": "procedural",
        "subjects": ["coin_flip"],
        "train": 5,
        "dev": 1,
        "test": 1,
        "shares": [1, 0, 0],
    }
    with pytest.raises(BadInput, match=r"tasks\.0: coin_flip has too few different questions"):
        build(tmp_path, source)


def test_published_tasks_round_trip(tmp_path):
    examples = [{"input": f"Which is {i}?\nOptions:\n(A) {i}\n(B) {i + 1}", "target": "(A)"} for i in range(40)]
    (tmp_path / "bbh").mkdir()
    (tmp_path / "bbh" / "snarks.json").write_text(json.dumps({"examples": [*examples, examples[0]]}))
    dataset = build(tmp_path / "root", {"benchmark": "bbh", "source": str(tmp_path / "bbh")})
    tasks = read_tasks(dataset, {"train", "dev", "test"})
    assert len(tasks) == dataset.count() == 40
    assert dataset.manifest.stats["dropped"]["duplicates"] == 1
    task = next(t for t in tasks.values() if t.question == "Which is 7?")
    assert (task.choices, task.answer, task.answer_kind, task.subject) == (("7", "8"), "A", "option", "snarks")
    assert set(read_tasks(dataset, {"test"})) == {i for i, t in tasks.items() if t.split == "test"}


def test_a_changed_file_makes_a_new_version(tmp_path):
    path = tmp_path / "bbh" / "navigate.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"examples": [{"input": "a", "target": "Yes"}]}))
    source = {"benchmark": "bbh", "source": str(path.parent), "shares": [0, 0, 1]}
    first = build(tmp_path / "root", source)
    assert build(tmp_path / "root", source).ref == first.ref
    path.write_text(json.dumps({"examples": [{"input": "b", "target": "Yes"}]}))
    assert build(tmp_path / "root", source).ref.key != first.ref.key


def test_a_divided_test_set_is_noted(tmp_path):
    rows = [json.dumps({"problem": f"{i}+0?", "type": "Algebra", "answer": str(i)}) for i in range(60)]
    (tmp_path / "MATH_test.jsonl").write_text("\n".join(rows))
    source = {"benchmark": "math", "source": str(tmp_path / "MATH_test.jsonl"), "divide_test": True}
    dataset = build(tmp_path / "root", source)
    assert dataset.manifest.stats["notes"] == [
        "math: its published test set is divided into train, dev and test (divide_test)"
    ]
    assert set(by_split(dataset)) == {"train", "dev", "test"}


def test_recorded_tasks_are_those_that_the_whole_team_answered(tmp_path):
    (tmp_path / "rec").mkdir()
    tasks = [
        {"id": f"law/{i}", "question": f"Q{i}?", "options": {"A": "x", "B": "y"}, "target": "B"} for i in range(30)
    ]
    (tmp_path / "rec" / "mmlu_pro_tasks.jsonl").write_text("\n".join(map(json.dumps, tasks)))
    answers = [{"task_id": t["id"], "agent": a, "response": "B"} for t in tasks for a in ("one", "two")]
    (tmp_path / "rec" / "mmlu_pro_responses.jsonl").write_text("\n".join(map(json.dumps, answers[:-3])))
    team = {"agents": [{"name": "n1", "model": "recorded:one"}, {"name": "n2", "model": "recorded:two"}]}
    engine = {"kind": "recorded", "recorded": str(tmp_path / "rec")}
    source = {"benchmark": "mmlu_pro", "source": "recorded"}
    dataset = build(tmp_path / "root", source, team=team, engine=engine)
    assert dataset.count() == 28
    assert dataset.manifest.stats["dropped"]["unanswered"] == 2
    assert {row["subject"] for row in dataset.rows()} == {"law"}
    alone = {"agents": [{"name": "n1", "model": "recorded:one"}]}
    assert build(tmp_path / "root", source, team=alone, engine=engine).count() == 29


def test_no_task_left_is_an_error(tmp_path):
    (tmp_path / "navigate.json").write_text(json.dumps({"examples": [{"input": "a", "target": "Yes"}]}))
    with pytest.raises(BadInput, match="no task is left"):
        build(tmp_path / "root", {"benchmark": "bbh", "source": str(tmp_path), "train": 0, "dev": 0, "test": 0})


def test_every_published_benchmark_builds(tmp_path, shared_data):
    dataset = build(
        tmp_path,
        {"benchmark": "bbh", "source": str(shared_data / "bbh")},
        {"benchmark": "math", "source": str(shared_data / "math"), "divide_test": True},
        {"benchmark": "mmlu", "source": str(shared_data / "mmlu")},
    )
    counts = dataset.manifest.stats["by_benchmark"]
    assert counts["bbh"]["subjects"] == 27
    assert counts["mmlu"]["subjects"] == 57
    assert sum(counts["math"][s] for s in ("train", "dev", "test")) == 5000  # MATH-500 repeats 500 of them
    kinds = Counter((row["benchmark"], row["answer_kind"]) for row in dataset.rows())
    assert set(kinds) == {("bbh", k) for k in ("option", "exact", "number")} | {("math", "math"), ("mmlu", "option")}
