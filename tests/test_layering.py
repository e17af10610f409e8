"""What the contracts on imports (`.importlinter`) cannot see: what is loaded by an import, and how fast."""

import ast
import subprocess
import sys

import pytest

from tests.support import REPOSITORY

HEAVY = ("torch", "vllm", "transformers", "trl", "altair", "vl_convert")


@pytest.mark.parametrize("module", ["pipelines.definitions", "pipelines.demo", "mlpo_core.cli", "mlpo_core.checks"])
def test_orchestration_imports_no_model_library(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_code_location_imports_in_under_two_seconds_beyond_dagster() -> None:
    code = """
import time, dagster
started = time.process_time()
import pipelines.definitions
print(time.process_time() - started)
"""
    run = [sys.executable, "-c", code]
    # The best of some: what runs beside it costs processor time too, and the first reads sources that nothing has read.
    seconds = (float(subprocess.run(run, cwd=REPOSITORY, capture_output=True, check=True).stdout) for _ in range(5))
    assert any(second < 2 for second in seconds)


def test_modules_of_ours_are_imported_at_the_top() -> None:
    """Only a heavy or optional library may be imported inside a function: who needs whom is to be seen at once."""
    found = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} imports {node.module}"
        for package in ("mlpo_core", "pipelines")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        for node in _inside_functions(ast.parse(path.read_text(encoding="utf-8")))
        if node.module and node.module.split(".")[0] in ("mlpo_core", "pipelines")
    ]
    assert found == []


def _inside_functions(tree: ast.Module) -> list[ast.ImportFrom]:
    top = set(map(id, tree.body))
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and id(node) not in top]
