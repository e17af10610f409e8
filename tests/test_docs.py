"""The documentation says what is: commands run, links resolve, and every command, asset and setting has its place."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from mlpo_core.chain.stages import STAGES
from mlpo_core.cli import COMMANDS
from mlpo_core.experiment import Experiment
from mlpo_core.store.schemas import SCHEMAS
from scripts.pages import assets, settings
from scripts.pages.hook import generated
from tests.support import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md", *DOCS.rglob("*.md")]
TESTED = re.compile(r"<!-- tested -->\n```sh\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED_FILE = re.compile(r"`((?:mlpo_core|pipelines|scripts|docs)/[\w./-]+)`")


@pytest.mark.parametrize("page", [p for p in PAGES if TESTED.search(p.read_text())], ids=lambda page: page.stem)
def test_commands_run(page: Path, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "experiments", tmp_path / "experiments")
    command = tmp_path / "mlpo"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlpo_core "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    environment["MLPO_ROOT"] = str(tmp_path / "root")
    for script in TESTED.findall(page.read_text()):
        done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_links_resolve() -> None:
    made = {DOCS / path for path in generated()}
    dead = [
        f"{page.relative_to(REPOSITORY)}: {target}"
        for page in PAGES
        for target in _LINK.findall(page.read_text())
        if "://" not in target and (file := target.partition("#")[0])
        if not (path := (page.parent / file).resolve()).exists() and path not in made
    ]
    assert dead == []


def test_files_that_are_named_exist() -> None:
    pages = [REPOSITORY / "README.md", DOCS / "architecture.md", DOCS / "concepts.md"]
    missing = [name for page in pages for name in _NAMED_FILE.findall(page.read_text()) if not _exists(name)]
    assert missing == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_how_to(command: str) -> None:
    tasks = [page for page in (DOCS / "how-to").glob("*.md") if page.name != "index.md"]
    assert any(f"mlpo {command}" in page.read_text() for page in tasks)
    assert f"mlpo {command}" in (DOCS / "how-to/index.md").read_text()


def test_every_asset_has_a_page_with_its_columns() -> None:
    pages = assets.pages()
    for asset in STAGES:
        for column in SCHEMAS[asset].names:
            assert f"| `{column}` |" in pages[f"assets/{asset}.md"]


def test_every_setting_has_its_entry() -> None:
    page = settings.page()
    missing = [path for path in _paths(Experiment, "") if f"| `{path}` |" not in page]
    assert missing == []


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) < 150


def _exists(name: str) -> bool:
    return (REPOSITORY / name).exists()


def _paths(section: type[BaseModel], path: str) -> Iterator[str]:
    """The settings of a section, and of those below it: `team.agents[].name`."""
    for name, field in section.model_fields.items():
        yield f"{path}{name}"
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        items = "[]" if getattr(field.annotation, "__origin__", None) is tuple else ""
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _paths(kind, f"{path}{name}{items}.")
