"""The notebooks run from first to last cell, in the order of the site, and are kept without outputs."""

import json
import shutil
from pathlib import Path

import pytest

from mlpo_core.chain.run import run
from tests.support import REPOSITORY

NOTEBOOKS = REPOSITORY / "docs" / "notebooks"
ORDER = ("first-run", "your-team", "report-rows")


def cells(name: str) -> list[dict]:
    return json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]


def test_they_are_all_run_and_kept_without_outputs() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(ORDER)
    for name in ORDER:
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells(name))


def test_they_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a namespace of its own, in one folder: the third reads what the second has made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLPO_ROOT", str(tmp_path / "root"))
    monkeypatch.setattr("mlpo_core.chain.points._launch", run)  # in this process: nine more would take long
    shutil.copytree(REPOSITORY / "experiments", tmp_path / "experiments")
    for name in ORDER:
        names: dict[str, object] = {"__name__": "__main__"}
        for number, cell in enumerate(cells(name)):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{name}.ipynb, cell {number}", "exec"), names)  # noqa: S102
        if name == "your-team":
            assert "benchmark_report" in names["versions"]
        if name == "report-rows":
            assert len(names["lost"])
