"""Questions of one's own: formats, fields, splits, and bad rows told all at once."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_core.errors import BadInput
from mlpo_core.experiment import parse
from mlpo_core.store import Dataset
from mlpo_core.tasks import read_tasks
from mlpo_core.tasks.registry import read
from mlpo_core.tasks.rows import Row
from mlpo_core.tasks.sources import fingerprint, sources
from tests.core.tasks.test_build import build, by_split


def rows(location: Path | str, **source: object) -> list[Row]:
    """The rows of one source of this location."""
    team = {"agents": [{"name": "a", "model": "m"}]}
    experiment = parse({"name": "x", "tasks": [{"source": str(location), **source}], "team": team}, "x")
    return list(read(sources(experiment)[0]))


def lines(path: Path, *found: object) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def test_usual_names_are_guessed_and_printed(tmp_path, capsys):
    lines(tmp_path / "support.jsonl", {"Question": "Why?", "answer": "Because", "topic": "cause"})
    [row] = rows(tmp_path / "support.jsonl")
    assert (row.question, row.answer, row.subject, row.kind, row.published) == (
        "Why?",
        "Because",
        "cause",
        "exact",
        None,
    )
    said = capsys.readouterr()
    assert "support: question from 'Question', answer from 'answer', subject from 'topic'" in said.out + said.err


def test_the_three_formats_say_the_same(tmp_path):
    table = [{"q": f"Is {i} even?", "a": "yes" if i % 2 == 0 else "no"} for i in range(4)]
    lines(tmp_path / "one.jsonl", *table)
    (tmp_path / "two.csv").write_text("q,a\n" + "".join(f"{row['q']},{row['a']}\n" for row in table))
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "three.parquet")
    mapped = {"benchmark": "even", "fields": {"question": "q", "answer": "a"}}
    found = [[row[1:] for row in rows(tmp_path / name, **mapped)] for name in ("one.jsonl", "two.csv", "three.parquet")]
    assert found[0] == found[1] == found[2]
    assert len(rows(tmp_path, **mapped)) == 12
    assert len(rows(tmp_path / "t*", **mapped)) == 8


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"choices": ["red", "blue"], "answer": "B"}, "B"),
        ({"choices": ["red", "blue"], "answer": "(b)"}, "B"),
        ({"choices": ["red", "blue"], "answer": "Blue"}, "B"),
        ({"choices": ["red", "blue"], "answer": 1}, "B"),
        ({"choices": ["3", "1"], "answer": "1"}, "B"),
        ({"options": {"A": "red", "B": "blue"}, "answer": "B"}, "B"),
        ({"choices": {"text": ["red", "blue"], "label": ["A", "B"]}, "answer": "B"}, "B"),
        ({"choices": "red|blue", "answer": "blue"}, "B"),
        ({"choices": '["red", "blue"]', "answer": "blue"}, "B"),
        ({"A": "red", "B": "blue", "C": None, "answer": "b"}, "B"),
        ({"option_1": "red", "option_2": "blue", "answer": "blue"}, "B"),
        ({"choice0": "red", "choice1": "blue", "answer": 1}, "B"),
    ],
)
def test_choices_in_every_usual_form(tmp_path, fields, answer):
    [row] = rows(lines(tmp_path / "colours.jsonl", {"question": "Which?", **fields}))
    assert (row.answer, row.kind, len(row.choices)) == (answer, "option", 2)


def test_a_row_says_how_its_answer_is_compared(tmp_path):
    found = [
        {"question": "1?", "answer": "12", "answer_kind": "exact"},
        {"question": "2?", "answer": "a+\\.", "answer_kind": "Regex"},
        {"question": "3?", "answer": "3 km", "answer_kind": "unit"},
        {"question": "4?", "answer": "12", "answer_kind": None},
        {"question": "5?", "answer_kind": "tests", "entry_point": "f", "test": "assert f() == 1"},
        {"question": "6?", "answer": "because", "answer_kind": "judge"},
    ]
    made = rows(lines(tmp_path / "own.jsonl", *found))
    assert [row.kind for row in made] == ["exact", "regex", "unit", "number", "tests", "judge"]
    assert made[2].answer.startswith("3 km") and "assert f() == 1" in made[4].answer
    assert [row.kind for row in rows(tmp_path / "own.jsonl", answer_kind="set")][3] == "set"
    for row in found:
        row["how"] = row.pop("answer_kind")
    mapped = rows(lines(tmp_path / "own.jsonl", *found), fields={"answer_kind": "how"})
    assert [row.kind for row in mapped] == [row.kind for row in made]


def test_bad_kinds_of_rows_are_told_all_at_once(tmp_path):
    kinds = ["numbr", "checker", "option", "json", "exact"]
    table = [{"question": f"{n}?", "answer": "two words", "answer_kind": kind} for n, kind in enumerate(kinds)]
    with pytest.raises(BadInput) as refused:
        rows(lines(tmp_path / "own.jsonl", *table))
    told = str(refused.value)
    assert "4 of 5 rows cannot be used" in told
    assert "line 1: answer_kind: 'numbr' is no kind of answer; did you mean number?" in told
    assert "line 2: answer_kind: 'checker' is no kind of answer; expected one of exact, option" in told
    assert "line 3: answer: expected a letter" in told and "line 4: answer:" in told


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(12, "number"), ("-3.5", "number"), (4.0, "number"), (r"\frac{1}{2}", "math"), ("C", "exact"), (True, "exact")],
)
def test_the_kind_of_an_answer_is_seen_by_its_look(tmp_path, answer, kind):
    [row] = rows(lines(tmp_path / "own.jsonl", {"question": "?", "answer": answer}))
    assert row.kind == kind
    [row] = rows(lines(tmp_path / "own.jsonl", {"question": "?", "answer": answer}), answer_kind="exact")
    assert row.kind == "exact"


def test_kinds_that_are_given_are_checked_line_by_line(tmp_path):
    table = [{"question": "How long?", "answer": "3 km"}, {"question": "How far?", "answer": "3 km ± 20"}]
    path = lines(tmp_path / "own.jsonl", *table)
    assert [row.answer for row in rows(path, answer_kind="unit", tolerance=0.005)] == ["3 km ± 0.5 %", "3 km ± 20"]
    with pytest.raises(BadInput, match=r"line 1: answer: no regular expression of Python: missing \)"):
        rows(lines(tmp_path / "own.jsonl", {"question": "Which?", "answer": "(a"}), answer_kind="regex")
    with pytest.raises(BadInput, match="tolerance: is for answer_kind: unit"):
        rows(path, answer_kind="set", tolerance=0.1)


def test_splits_by_field_by_file_and_by_hash(tmp_path):
    table = [{"question": f"{i}?", "answer": str(i)} for i in range(60)]
    sides = ["train"] * 40 + ["validation"] * 5 + ["test"] * 15
    lines(tmp_path / "field.jsonl", *({**row, "split": side} for row, side in zip(table, sides, strict=True)))
    dataset = build(tmp_path / "a", {"source": str(tmp_path / "field.jsonl")})
    assert by_split(dataset) == {"train": 40, "dev": 5, "test": 15}
    (tmp_path / "files").mkdir()
    lines(tmp_path / "files" / "q_train.jsonl", *table[:40])
    lines(tmp_path / "files" / "q_test.jsonl", *table[40:])
    divided = by_split(build(tmp_path / "b", {"source": str(tmp_path / "files"), "benchmark": "own"}))
    assert divided["test"] == 20 and divided["train"] + divided["dev"] == 40 and divided["dev"]
    hashed = build(tmp_path / "c", {"source": str(lines(tmp_path / "all.jsonl", *table))})
    assert set(by_split(hashed)) == {"train", "dev", "test"}
    assert {task.benchmark for task in read_tasks(hashed, {"test"}).values()} == {"all"}


def test_all_bad_rows_are_told_at_once(tmp_path):
    good = {"question": "Which?", "choices": ["x", "y"], "answer": "A"}
    bad = [{**good, "answer": "C"}, {**good, "question": " "}, {**good, "choices": "x"}, {**good, "answer": None}]
    path = lines(tmp_path / "own.jsonl", good, *bad, *([{**good, "split": "later"}] * 30))
    path.write_text(path.read_text() + "{not json\n[1]\n")
    with pytest.raises(BadInput) as refused:
        rows(path)
    told = str(refused.value).splitlines()
    assert "tasks.0: 36 of 37 rows cannot be used" in told[0]
    assert [line.split("own.jsonl, ")[1] for line in told[1:8]] == [
        "line 36: not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
        "line 37: expected an object, got list",
        "line 2: answer: is none of the 2 choices: 'C'",
        "line 3: question: there is no question",
        "line 4: choices: expected a list of texts, JSON, or texts separated by |, got 'x'",
        "line 5: answer: there is no answer",
        "line 6: split: expected train, dev or test, got 'later'",
    ]
    assert len(told) == 22 and "and 16 more" in told[-1]


def test_a_csv_with_a_short_row(tmp_path):
    (tmp_path / "own.csv").write_text('question,answer\n"a, b?",1\nonly one cell\n')
    with pytest.raises(BadInput, match=r"own\.csv, line 3: 1 cells, where the first line has 2"):
        rows(tmp_path / "own.csv")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"fields": {"question": "query"}}, r"tasks\.0\.fields\.question: there is no field 'query': .*answer, ask"),
        ({}, r"tasks\.0\.fields: which field is the question\?.*Say so: fields: {question: NAME}"),
        ({"benchmark": "math", "fields": {"question": "ask"}}, "math is read in its published format"),
        ({"fields": {"answer": ["a", "b"]}}, r"only fields\.choices may be several"),
    ],
)
def test_fields_that_are_not_there(tmp_path, source, message):
    lines(tmp_path / "own.jsonl", {"ask": "Why?", "answer": "so"})
    with pytest.raises(BadInput, match=message):
        rows(tmp_path / "own.jsonl", **source)


def test_an_unknown_benchmark_needs_a_source():
    with pytest.raises(BadInput, match=r"maths is no published benchmark .*need a source"):
        rows("hub", benchmark="maths")


def test_an_empty_split_is_refused(tmp_path):
    table = [{"question": f"{i}?", "answer": str(i)} for i in range(30)]
    path = lines(tmp_path / "own.jsonl", *table)
    with pytest.raises(BadInput, match="no task is in test"):
        build(tmp_path / "a", {"source": str(path), "test": 0})
    with pytest.raises(BadInput, match=r"no task is in dev.*dev: 0 in every source"):
        build(tmp_path / "b", {"source": str(lines(tmp_path / "few.jsonl", *table[:3]))})
    dataset = build(tmp_path / "c", {"source": str(path), "dev": 0, "shares": [0.5, 0, 0.5]})
    assert isinstance(dataset, Dataset) and set(by_split(dataset)) == {"train", "test"}


def test_the_fingerprint_follows_the_file(tmp_path):
    path = lines(tmp_path / "own.jsonl", {"question": "a", "answer": "b"})
    team = {"agents": [{"name": "a", "model": "m"}]}
    experiment = parse({"name": "x", "tasks": [{"source": str(path)}], "team": team}, "x")
    before = fingerprint(experiment)
    lines(path, {"question": "a", "answer": "c"})
    assert fingerprint(experiment) != before


def test_a_hub_dataset_of_ones_own(monkeypatch):
    import datasets

    whole = datasets.DatasetDict(
        {
            name: datasets.Dataset.from_list([{"q": f"{name} {i}?", "answer": str(i)} for i in range(3)])
            for name in ("train", "validation", "test")
        }
    )

    def load_dataset(repository, configuration, *, split, revision):
        assert (repository, configuration, revision) == ("owner/name", None, "abc")
        return whole[split] if split else whole

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("mlpo_core.tasks.hub._reachable", lambda *_: True)
    own = {"revision": "abc", "fields": {"question": "q"}}
    found = rows("hub:owner/name", **own)
    assert Counter(row.published for row in found) == {"train": 3, "dev": 3, "test": 3}
    assert {row.subject for row in found} == {"name"}
    assert [row.published for row in rows("hub:owner/name", split="test", **own)] == [None] * 3
