"""The layers stay apart: the method knows nothing of Dagster, and the orchestrator loads no model library."""

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
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 2


def test_the_method_imports_no_dagster() -> None:
    allowed = {"progress.py": "dagster_pipes"}
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for path in sorted((REPOSITORY / "mlpo_core").rglob("*.py"))
        for line, name in _imports(path.read_text(encoding="utf-8"))
        if name.split(".")[0].startswith("dagster") and allowed.get(path.name) != name
    ]
    assert found == []


def test_pipelines_name_no_model_library() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for path in sorted((REPOSITORY / "pipelines").rglob("*.py"))
        for line, name in _imports(path.read_text(encoding="utf-8"))
        if name.split(".")[0] in HEAVY
    ]
    assert found == []


def _imports(source: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.lineno, node.module))
    return found
