"""The Python API: cheap to import, complete, and what it gives are the chain's own versions."""

import subprocess
import sys
from pathlib import Path

import pytest

import mlpo
from mlpo_core.errors import BadInput, NotMade
from tests import mini_chain as mini
from tests.support import REPOSITORY


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys, mlpo; print([m for m in sys.modules if m.partition('.')[0] in ('mlpo_core', 'pyarrow', 'torch')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_that_it_lists_is_there_and_nothing_else() -> None:
    assert all(getattr(mlpo, name) is not None for name in mlpo.__all__)
    assert set(dir(mlpo)) == set(mlpo.__all__)
    with pytest.raises(AttributeError, match="mlpo has no 'runn'; it has BadInput"):
        _ = mlpo.runn


def test_a_dataset_goes_to_pandas_arrow_and_hugging_face(tmp_path: Path) -> None:
    made = mini.put(mini.store(tmp_path), "tasks", [mini.task(n) for n in range(3)])
    assert made.to_pandas()["answer"].tolist() == ["0", "1", "2"]
    assert made.to_arrow(["task_id"]).column_names == ["task_id"]
    assert made.to_hf(["task_id", "answer"])[1] == {"task_id": "t00001", "answer": "1"}


@pytest.mark.parametrize(
    ("response", "answer", "options", "correct"),
    [
        ("So it is <answer>12</answer>", "12", {}, True),
        ("So it is <answer>13</answer>", "12", {}, False),
        ("The answer is B.", "B", {"choices": ("a pear", "a fig")}, True),
        ("<answer>\\frac{1}{2}</answer>", "0.5", {"kind": "math"}, True),
    ],
)
def test_a_response_is_graded(response: str, answer: str, options: dict, correct: bool) -> None:
    assert mlpo.grade(response, answer, **options).correct is correct


def test_what_is_asked_for_in_vain_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    experiment, store = mlpo.load_experiment("tiny"), mlpo.Store(str(tmp_path))
    assert mlpo.made(experiment, store) == {}
    with pytest.raises(NotMade, match="mlpo run tiny benchmark_report"):
        mlpo.report(experiment, store)
    with pytest.raises(BadInput, match="'reports' is no asset"):
        mlpo.run(experiment, store, last="reports")
    with pytest.raises(BadInput, match="no such experiment file"):
        mlpo.load_experiment("absent")
