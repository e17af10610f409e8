"""Reading published files: what is right is read completely, what is wrong is named with file and line."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import Experiment, parse
from mlpo_core.tasks.math import last_boxed
from mlpo_core.tasks.registry import read
from mlpo_core.tasks.rows import Row
from mlpo_core.tasks.sources import fingerprint, sources


def experiment(**source: object) -> Experiment:
    team = {"agents": [{"name": "a", "model": "m"}]}
    return parse({"name": "x", "tasks": [source], "team": team}, "x")


def rows(benchmark: str, source: Path | str, **more: object) -> list[Row]:
    return list(read(sources(experiment(benchmark=benchmark, source=str(source), **more))[0]))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def bbh_file(folder: Path, name: str, *examples: dict[str, object], indent: int | None = None) -> Path:
    return write(folder / f"{name}.json", json.dumps({"canary": "x", "examples": examples}, indent=indent))


def test_bbh_takes_lettered_options_apart_and_leaves_others_in_the_question(tmp_path):
    lettered = {"input": "Which is odd?\nOptions:\n(A) two\n(B) three", "target": "(B)"}
    dashed = {"input": "Is it valid?\nOptions:\n- valid \n- invalid", "target": "valid"}
    broken = {"input": "Similar to Shrek:\nOptions:\n(A) Monsters\n(B) Inc", "target": "Monsters, Inc"}
    bbh_file(tmp_path, "snarks", lettered, dashed, broken)
    first, second, third = rows("bbh", tmp_path)
    assert (first.subject, first.question, first.choices, first.answer) == (
        "snarks",
        "Which is odd?",
        ("two", "three"),
        "B",
    )
    assert (second.question, second.choices, second.answer) == (dashed["input"], (), "valid")
    assert (third.question, third.choices, third.answer) == (broken["input"], (), "Monsters, Inc")


@pytest.mark.parametrize(("indent", "line"), [(None, 1), (2, 8)])
def test_bbh_malformed_example_names_file_and_line(tmp_path, indent, line):
    bbh_file(tmp_path, "navigate", {"input": "a", "target": "b"}, {"input": "[\n,"}, indent=indent)
    with pytest.raises(BadInput, match=rf"navigate\.json, line {line} \(example 1\)"):
        rows("bbh", tmp_path)


def test_bbh_target_beyond_the_options_is_malformed(tmp_path):
    bbh_file(tmp_path, "snarks", {"input": "Which?\nOptions:\n(A) x\n(B) y", "target": "(C)"})
    with pytest.raises(BadInput, match=r"snarks\.json, example 0.*do not fit"):
        rows("bbh", tmp_path)


@pytest.mark.parametrize(
    ("benchmark", "name", "text", "where"),
    [
        ("bbh", "a.json", '{"examples": [{"input": "x",\n "tar', "a.json, line 2: not JSON"),
        (
            "math",
            "test.jsonl",
            '{"problem": "p", "type": "t", "answer": "1"}\n{"problem": "p", "ty',
            "test.jsonl, line 2",
        ),
        ("math", "test.jsonl", '{"problem": "p", "type": "t", "solution": "no box"}', "test.jsonl, line 1.*boxed"),
        ("math", "test.jsonl", '{"type": "t", "answer": "1"}', "test.jsonl, line 1.*problem"),
        ("math", "test.jsonl", '{"problem": "\\ud800", "type": "t", "answer": "1"}', "test.jsonl, line 1.*surrogate"),
        ("mmlu", "law_test.csv", "q,a,b,c,d,0\nq,a,b,c,0\n", "law_test.csv, line 2.*got 5 cells"),
        ("mmlu", "law_test.csv", 'q,a,b,c,d,0\n"q,a,b', "law_test.csv, line 2.*truncated"),
        ("mmlu", "law_test.csv", "q,a,b,c,d,4\n", "law_test.csv, line 1.*0–3"),
        (
            "mmlu_pro",
            "test.jsonl",
            '{"question": "q", "options": ["a"], "answer": "A", "category": "c"}',
            "line 1.*options",
        ),
        ("mmlu_pro", "test.parquet", "PAR1 cut off", "test.parquet.*truncated"),
    ],
)
def test_malformed_files_are_named_with_the_line(tmp_path, benchmark, name, text, where):
    write(tmp_path / "data" / name, text)
    with pytest.raises(BadInput, match=where):
        rows(benchmark, tmp_path / "data")


def test_bytes_that_are_not_text_are_named_with_the_line(tmp_path):
    (tmp_path / "test.jsonl").write_bytes(b'{"problem": "p"}\n\xff\xfe')
    with pytest.raises(BadInput, match=r"test\.jsonl, line 2: not UTF-8"):
        rows("math", tmp_path / "test.jsonl")


def test_math_reads_both_published_forms_and_takes_the_side_from_the_name(tmp_path):
    solved = {
        "problem": "1+1?",
        "type": "Algebra",
        "solution": r"\boxed{1}, no: \boxed{\frac{4}{2}}.",
        "level": "Level 1",
    }
    answered = {"problem": "2+2?", "subject": "Algebra", "solution": r"\boxed{0}", "answer": "4"}
    write(tmp_path / "MATH_train.jsonl", json.dumps(solved) + "\n")
    write(tmp_path / "MATH500_test.jsonl", json.dumps(answered))
    write(tmp_path / "test" / "algebra" / "7.json", json.dumps({**solved, "problem": "3+3?"}))
    read_rows = {row.question: row for row in rows("math", tmp_path, divide_test=True)}
    assert {q: (r.answer, r.published, r.subject) for q, r in read_rows.items()} == {
        "1+1?": (r"\frac{4}{2}", "train", "Algebra"),
        "2+2?": ("4", "test", "Algebra"),
        "3+3?": (r"\frac{4}{2}", "test", "Algebra"),
    }


def test_a_file_name_without_a_side_is_refused(tmp_path):
    write(tmp_path / "data" / "problems.jsonl", "{}")
    with pytest.raises(BadInput, match="put the word into its name"):
        rows("math", tmp_path / "data")


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"so \boxed{x^{2}}", "x^{2}"),
        (r"$\boxed 5$.", "5"),
        (r"\fbox{3}", "3"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{1", None),
        (r"\boxed{}", None),
        ("none", None),
    ],
)
def test_last_boxed(solution, answer):
    assert last_boxed(solution) == answer


def test_mmlu_reads_files_with_and_without_header(tmp_path):
    write(tmp_path / "dev" / "law_dev.csv", 'question,choice0,choice1,choice2,choice3,answer\n"two\nlines",a,b,c,d,2\n')
    write(tmp_path / "test" / "law_test.csv", "question,a,b,c,d,D\n")
    first, second = rows("mmlu", tmp_path)
    assert (first.question, first.choices, first.answer, first.published) == (
        "two\nlines",
        ("a", "b", "c", "d"),
        "C",
        "train",
    )
    assert (second.question, second.answer, second.published, second.subject) == ("question", "D", "test", "law")


def test_mmlu_pro_reads_parquet_and_json_lines(tmp_path):
    row = {"question": "q?", "options": list("abcdefghij"), "answer": "J", "category": "law"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "test-00000-of-00001.parquet")
    write(tmp_path / "validation.jsonl", json.dumps(row))
    assert [(r.answer, len(r.choices), r.published) for r in rows("mmlu_pro", tmp_path)] == [
        ("J", 10, "test"),
        ("J", 10, "train"),
    ]


def test_subjects_select_and_an_unknown_one_is_named(tmp_path):
    bbh_file(tmp_path, "navigate", {"input": "a", "target": "Yes"})
    bbh_file(tmp_path, "snarks", {"input": "b", "target": "No"})
    assert [r.subject for r in rows("bbh", tmp_path, subjects=["snarks"])] == ["snarks"]
    with pytest.raises(BadInput, match=r"tasks\.0\.subjects: sarcasm not found; there are: navigate, snarks"):
        rows("bbh", tmp_path, subjects=["sarcasm"])


def test_a_missing_folder_and_an_unset_variable_name_the_field(tmp_path, monkeypatch):
    monkeypatch.delenv("MLPO_DATA_DIR", raising=False)
    with pytest.raises(BadInput, match=r"tasks\.0\.source: .*nowhere"):
        rows("bbh", tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"tasks\.0\.source: .*environment variable MLPO_DATA_DIR"):
        rows("bbh", "$MLPO_DATA_DIR/bbh")


def test_the_fingerprint_follows_contents_and_names(tmp_path):
    path = bbh_file(tmp_path, "snarks", {"input": "a", "target": "Yes"})
    config = experiment(benchmark="bbh", source=str(tmp_path))
    before = fingerprint(config)
    assert fingerprint(config) == before
    path.write_text(path.read_text().replace("Yes", "No"))
    changed = fingerprint(config)
    path.rename(tmp_path / "navigate.json")
    assert len({before["tasks.0"], changed["tasks.0"], fingerprint(config)["tasks.0"]}) == 3


def test_the_fingerprint_of_a_hub_source_is_its_revision():
    assert fingerprint(experiment(benchmark="mmlu", revision="abc")) == {"tasks.0": "hub cais/mmlu@abc"}


def test_an_unreachable_hub_fails_at_once_and_says_what_to_do(monkeypatch):
    import datasets
    import huggingface_hub.constants

    asked: list[bool] = []

    def load_dataset(*_, **__):
        asked.append(datasets.config.HF_HUB_OFFLINE and huggingface_hub.constants.HF_HUB_OFFLINE)
        raise ConnectionError("not cached")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BadInput, match=r"tasks\.0\.source: hub: .*cannot be reached.*folder with the bbh files"):
        rows("bbh", "hub")
    assert asked == [True], "datasets must be kept from trying the network again and again"
    assert not datasets.config.HF_HUB_OFFLINE


HUB_ROWS = {
    "SaylorTwift/bbh": {"input": "Which?\nOptions:\n(A) x\n(B) y", "target": "(B)"},
    "EleutherAI/hendrycks_math": {"problem": "1+1?", "type": "Algebra", "solution": r"\boxed{2}", "level": "Level 1"},
    "cais/mmlu": {"question": "q?", "choices": ["a", "b", "c", "d"], "answer": 1, "subject": "law"},
    "TIGER-Lab/MMLU-Pro": {"question": "q?", "options": ["a", "b", "c"], "answer": "B", "category": "law"},
}


@pytest.mark.parametrize(
    ("benchmark", "sides", "answer"),
    [
        ("bbh", {None: 27}, "B"),
        ("math", {"train": 7, "test": 7}, "2"),
        ("mmlu", {"train": 2, "test": 1}, "B"),
        ("mmlu_pro", {"train": 1, "test": 1}, "B"),
    ],
)
def test_hub_rows_are_read_at_the_revision(monkeypatch, benchmark, sides, answer):
    import datasets

    asked: list[tuple[str, str, str]] = []

    def load_dataset(repository, configuration, *, split, revision):
        asked.append((configuration, split, revision))
        return [HUB_ROWS[repository]]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("mlpo_core.tasks.hub._reachable", lambda *_: True)
    found = rows(benchmark, "hub", revision="abc")
    assert Counter(row.published for row in found) == sides
    assert {row.answer for row in found} == {answer}
    assert {revision for _, _, revision in asked} == {"abc"}
    assert len(set(asked)) == len(asked) == len(found)


@pytest.mark.parametrize(
    ("error", "raised"), [(ConnectionError("gone"), Transient), (ValueError("no split"), BadInput)]
)
def test_a_hub_that_fails_midway(monkeypatch, error, raised):
    import datasets

    def load_dataset(*_, **__):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("mlpo_core.tasks.hub._reachable", lambda *_: True)
    with pytest.raises(raised, match=r"tasks\.0: .*cais/mmlu@main"):
        rows("mmlu", "hub")


def test_published_files_are_read_completely(shared_data):
    assert len(rows("bbh", shared_data / "bbh")) == 6511
    assert len(rows("math", shared_data / "math" / "MATH_test.jsonl", divide_test=True)) == 5000
    mmlu = rows("mmlu", shared_data / "mmlu")
    assert (len(mmlu), len({row.subject for row in mmlu})) == (14042 + 285, 57)


def test_math_500_agrees_with_the_boxed_answers_of_math(shared_data):
    boxed = {
        row.question: row.answer for row in rows("math", shared_data / "math" / "MATH_test.jsonl", divide_test=True)
    }
    given = rows("math", shared_data / "math" / "MATH500_test.jsonl", divide_test=True)
    same = sum("".join(boxed[row.question].split()) == "".join(row.answer.split()) for row in given)
    assert same >= 490, f"only {same} of 500"
