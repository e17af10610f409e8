"""The public command: columns, order, types, errors, whole-or-nothing."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.grading.file import grade_file

BOMB = "\\boxed{" + "(" * 60 + "x" + "+1)^2" * 60 + "}"
"""An answer that computer algebra does not get through."""


def write(path: Path, **columns: Any) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def three(path: Path, **more: Any) -> str:
    return write(
        path,
        task_id=["c", "a", "b"],
        response=["So the answer is (B).", None, ""],
        answer=["(B)", "7", "valid"],
        **more,
    )


def test_adds_two_columns_and_keeps_the_rest(tmp_path: Path):
    out = tmp_path / "out.parquet"
    summary = grade_file("bbh", three(tmp_path / "in.parquet", agent=["x", "y", None], n=[3, 1, 2]), str(out))
    table = pq.read_table(out)
    assert table.column_names == ["task_id", "response", "answer", "agent", "n", "extracted", "correct"]
    assert table["task_id"].to_pylist() == ["c", "a", "b"]
    assert table["n"].to_pylist() == [3, 1, 2]
    assert table["agent"].to_pylist() == ["x", "y", None]
    assert table["extracted"].to_pylist() == ["B", None, None]
    assert table["correct"].to_pylist() == [True, False, False]
    assert table.schema.field("correct").type == pa.bool_()
    assert not table.schema.field("correct").nullable
    assert summary == f"bbh: 3 responses graded, 1 correct (33.3%), 2 without an answer; wrote {out}"


def test_choices_enable_grading_by_option_text(tmp_path: Path):
    source = write(
        tmp_path / "in.parquet",
        task_id=["1", "2", "3", "4"],
        response=["The answer is Mars.", "Mars", "B", "Answer: Venus"],
        answer=["B", "1", "Mars", "B"],
        choices=[["Venus", "Mars"]] * 4,
    )
    grade_file("mmlu", source, str(tmp_path / "out.parquet"))
    assert pq.read_table(tmp_path / "out.parquet")["correct"].to_pylist() == [True, True, True, False]


def test_mathematics_and_many_batches_keep_the_order(tmp_path: Path):
    n = 1203
    source = write(
        tmp_path / "in.parquet",
        task_id=[str(i) for i in range(n)],
        response=[rf"\boxed{{\sqrt{{{9 if i % 3 else 4}}}}}" for i in range(n)],
        answer=["3"] * n,
    )
    grade_file("math", source, str(tmp_path / "out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["task_id"].to_pylist() == [str(i) for i in range(n)]
    assert table["correct"].to_pylist() == [bool(i % 3) for i in range(n)]


def test_rows_of_many_tables_keep_their_order_and_columns(tmp_path: Path):
    n = 4_321
    colours = pa.array([f"colour {i // 100}" for i in range(n)]).dictionary_encode()
    source = write(
        tmp_path / "in.parquet",
        task_id=[str(i) for i in range(n)],
        response=[f"The answer is {i}." for i in range(n)],
        answer=[str(i - i % 2) for i in range(n)],
        colour=colours,
    )
    summary = grade_file("bbh", source, str(tmp_path / "out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert summary.startswith(f"bbh: {n:,} responses graded, {n // 2 + 1:,} correct (50.0%)")
    assert table["extracted"].to_pylist() == [str(i) for i in range(n)]
    assert table["correct"].to_pylist() == [i % 2 == 0 for i in range(n)]
    assert table["colour"].to_pylist() == colours.to_pylist()


def test_a_question_lists_the_options(tmp_path: Path):
    source = write(
        tmp_path / "in.parquet",
        task_id=["1", "2"],
        response=["The answer is Mars."] * 2,
        answer=["(B)"] * 2,
        question=["Which is red?\nOptions:\n(A) Venus\n(B) Mars", None],
    )
    grade_file("bbh", source, str(tmp_path / "out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["correct"].to_pylist() == [True, False]
    assert table.column_names[3] == "question"


def test_what_a_limit_stopped_is_counted(tmp_path: Path):
    source = write(
        tmp_path / "in.parquet",
        task_id=["1", "2", "3"],
        response=[BOMB, r"\boxed{\sqrt{0.5}}", "x" * 10],
        answer=[r"\frac{\sqrt{2}}{2}"] * 3,
    )
    summary = grade_file("math", source, str(tmp_path / "out.parquet"))
    assert "3 responses graded, 1 correct (33.3%), 0 without an answer, 1 ungraded" in summary
    assert pq.read_table(tmp_path / "out.parquet")["correct"].to_pylist() == [False, True, False]


def test_progress_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    grade_file("bbh", three(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"))
    assert "grade bbh: 100%" in capsys.readouterr().err


def test_earlier_verdict_columns_are_replaced(tmp_path: Path):
    source = three(tmp_path / "in.parquet", correct=["?", "?", "?"])
    grade_file("bbh", source, source)
    assert pq.read_table(source)["correct"].to_pylist() == [True, False, False]


def test_dictionary_and_large_strings_are_strings(tmp_path: Path):
    source = write(
        tmp_path / "in.parquet",
        task_id=pa.array(["1"], pa.large_string()),
        response=pa.array(["yes"]).dictionary_encode(),
        answer=pa.array(["yes"], pa.large_string()),
    )
    grade_file("bbh", source, str(tmp_path / "out.parquet"))
    assert pq.read_table(tmp_path / "out.parquet")["correct"].to_pylist() == [True]


def test_an_empty_file_gives_an_empty_file(tmp_path: Path):
    empty = pa.array([], pa.string())
    source = write(tmp_path / "in.parquet", task_id=empty, response=empty, answer=empty)
    assert "0 responses" in grade_file("math", source, str(tmp_path / "out.parquet"))
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"task_id": ["1"], "answer": ["A"]}, "'response'"),
        ({"task_id": ["1"], "response": ["x"]}, "'answer'"),
        ({"response": ["x"], "answer": ["A"]}, "'task_id'"),
        ({"task_id": [1], "response": ["x"], "answer": ["A"]}, "'task_id' is int64"),
        ({"task_id": ["1"], "response": [1.5], "answer": ["A"]}, "'response' is double"),
        ({"task_id": ["1"], "response": ["x"], "answer": [3]}, "'answer' is int64"),
        ({"task_id": ["1"], "response": ["x"], "answer": ["A"], "choices": ["x|y"]}, "'choices' is string"),
        ({"task_id": ["1"], "response": ["x"], "answer": ["A"], "question": [1]}, "'question' is int64"),
        ({"task_id": ["1"], "response": ["x"], "answer": [None]}, "'answer'"),
        ({"task_id": ["1"], "response": ["x"], "answer": pa.array([None], pa.string())}, "row 0 .* no gold answer"),
        ({"task_id": ["1"], "response": ["x"], "answer": [" "]}, "row 0 .* no gold answer"),
        ({"task_id": ["k"], "response": ["x"], "answer": ["Pluto"]}, r"row 0 \(task_id 'k'\).*'Pluto'"),
        ({"task_id": ["1"], "response": ["x"], "answer": ["D"], "choices": [["x", "y"]]}, "outside its 2 choices"),
        (
            {"task_id": ["k"], "response": ["x"], "answer": ["2"], "choices": [["x", "y"]]},
            r"row 0 \(task_id 'k'\).*'2'",
        ),
        ({"task_id": ["1"], "response": ["x"], "answer": ["12"], "choices": [["x", "y"]]}, "'12' lies outside its 2"),
        ({"task_id": ["k"], "response": ["x"], "answer": ["12"]}, r"row 0 \(task_id 'k'\).*'12' lies outside its 4"),
        ({"task_id": ["1"], "response": ["x"], "answer": ["E"]}, "'E' lies outside its 4"),
    ],
)
def test_bad_columns_are_named_and_nothing_is_written(tmp_path: Path, columns: dict[str, Any], named: str):
    source = write(tmp_path / "in.parquet", **columns)
    before = (tmp_path / "out.parquet").write_bytes(b"earlier result")
    with pytest.raises(BadInput, match=named):
        grade_file("mmlu", source, str(tmp_path / "out.parquet"))
    assert before == len((tmp_path / "out.parquet").read_bytes())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


def test_bad_files_are_named(tmp_path: Path):
    with pytest.raises(BadInput, match="no such file"):
        grade_file("bbh", str(tmp_path / "absent.parquet"), str(tmp_path / "out.parquet"))
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(BadInput, match="not a readable Parquet file"):
        grade_file("bbh", str(tmp_path / "text.parquet"), str(tmp_path / "out.parquet"))
    whole = Path(three(tmp_path / "in.parquet")).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="not a readable Parquet file"):
        grade_file("bbh", str(tmp_path / "cut.parquet"), str(tmp_path / "out.parquet"))
    with pytest.raises(BadInput, match="does not exist"):
        grade_file("bbh", str(tmp_path / "in.parquet"), str(tmp_path / "nowhere" / "out.parquet"))
    with pytest.raises(BadInput, match="is a folder"):
        grade_file("bbh", str(tmp_path / "in.parquet"), str(tmp_path))
    with pytest.raises(BadInput, match="unknown benchmark"):
        grade_file("gsm8k", str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"))


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, out = three(tmp_path / "in.parquet"), str(tmp_path / "out.parquet")
    assert main(["grade", "--benchmark", "bbh", "--responses", source, "--out", out]) == 0
    assert "3 responses graded" in capsys.readouterr().out
    assert main(["grade", "--benchmark", "bbh", "--responses", "absent", "--out", out]) == 2
    assert "no such file" in capsys.readouterr().err


def bombs(path: Path) -> str:
    """Responses that take minutes."""
    responses = [BOMB.replace("x", f"{i}x") for i in range(1_000)]
    return write(
        path, task_id=list(map(str, range(1_000))), response=responses, answer=[r"\frac{\sqrt{2}}{2}"] * len(responses)
    )


def test_sigterm_leaves_no_file(tmp_path: Path):
    source, out = bombs(tmp_path / "in.parquet"), str(tmp_path / "out.parquet")
    command = [sys.executable, "-m", "mlpo_core", "grade", "--benchmark", "math", "--responses", source, "--out", out]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".tmp-*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_a_file_that_grows_too_large_is_a_clear_error(tmp_path: Path):
    n = 3_000
    source = write(
        tmp_path / "in.parquet", task_id=[os.urandom(50).hex() for _ in range(n)], response=["x"] * n, answer=["x"] * n
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(BadInput, match=r"out.parquet: the result is larger .* `ulimit -f`"):
            grade_file("bbh", source, str(tmp_path / "out.parquet"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]
