"""Agreement with recorded verdicts, and every published gold answer against itself, on real data."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mlpo_core.grading import Grader, infer_kind, self_check
from mlpo_core.grading.option import letter_of
from mlpo_core.types import Task

# What the recording's own graders agree with; docs/decisions/grading.md has the classes of disagreement.
TARGETS = {
    "mmlu_pro": 0.985,
    "bbh": 0.96,
    "math": 0.95,
}


@pytest.mark.parametrize("benchmark", [pytest.param("math", marks=pytest.mark.slow), "bbh", "mmlu_pro"])
def test_agreement_with_the_recorded_verdicts(shared_data: Path, benchmark: str):
    folder = shared_data / "recorded"
    tasks: dict[str, Task] = {}
    for line in (folder / f"{benchmark}_tasks.jsonl").read_text().splitlines():
        row: dict[str, Any] = json.loads(line)
        choices = tuple(row.get("options", {}).values())
        kind = infer_kind(benchmark, row["target"], choices)
        tasks[row["id"]] = Task(row["id"], benchmark, "", "test", "", choices, row["target"], kind)
    rows = pq.read_table(folder / f"{benchmark}_responses.parquet").to_pylist()
    with Grader() as grader:
        verdicts = grader.grade_many([(tasks[row["task_id"]], row["response"]) for row in rows])
    agreed = sum(v.correct == row["recorded_correct"] for v, row in zip(verdicts, rows, strict=True))
    assert agreed / len(rows) >= TARGETS[benchmark]


def test_the_gold_answer_of_every_published_task_is_correct(shared_data: Path):
    tasks = [*_bbh(shared_data), *_mmlu(shared_data), *_math(shared_data)]
    assert len(tasks) == 6_511 + 14_327 + 500
    assert self_check(tasks) == []


def _bbh(data: Path) -> Iterator[Task]:
    for file in sorted((data / "bbh").glob("*.json")):
        for i, row in enumerate(json.loads(file.read_text())["examples"]):
            kind = infer_kind("bbh", row["target"])
            answer = letter_of(row["target"], ()) if kind == "option" else row["target"]
            yield Task(f"{file.stem}/{i}", "bbh", "", "test", row["input"], (), str(answer), kind)


def _mmlu(data: Path) -> Iterator[Task]:
    for file in sorted((data / "mmlu").glob("*/*.csv")):
        with open(file, newline="") as lines:
            for i, row in enumerate(csv.reader(lines)):
                if row[-1] in "0123":
                    yield Task(
                        f"{file.stem}/{i}", "mmlu", "", "test", row[0], tuple(row[1:5]), "ABCD"[int(row[5])], "option"
                    )


def _math(data: Path) -> Iterator[Task]:
    for line in (data / "math" / "MATH500_test.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield Task(row["unique_id"], "math", "", "test", row["problem"], (), row["answer"], "math")
