"""Sources are read as syntax once for all processes; no state of the cache changes what is found in them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlpo_core.chain import known_syntax
from mlpo_core.chain.known_syntax import remember, said
from tests.support import REPOSITORY

SOURCE = b"import mlpo_core.errors\nfrom . import near\n\ndef one() -> int:\n    return 1  # a remark\n"


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The cache's file, of a process that has asked for nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    _as_another_process(monkeypatch)
    return tmp_path / "mlpo" / "syntax.json"


def _as_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_syntax, "_asked", {})
    known_syntax._remembered.cache_clear()


def test_what_one_process_read_the_next_one_knows(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = said(SOURCE, "package.module")
    assert first.imports == ("mlpo_core.errors", "package.module", "package.module.near")
    remember()
    _as_another_process(monkeypatch)
    monkeypatch.setattr(known_syntax.syntax, "read", None)
    assert said(SOURCE, "package.module") == first


def test_another_source_module_or_reader_is_another_entry(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = said(SOURCE, "package.module")
    assert said(SOURCE.replace(b"return 1", b"return 2"), "package.module").digest != first.digest
    assert said(SOURCE.replace(b"# a remark", b"# another"), "package.module") == first
    assert said(SOURCE, "other.module").imports != first.imports
    monkeypatch.setattr(known_syntax, "_reader", lambda: b"another")
    said(SOURCE, "package.module")
    remember()
    assert len(json.loads(cache.read_bytes())) == 5


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_a_damaged_cache_is_replaced(cache: Path, monkeypatch: pytest.MonkeyPatch, damaged: bytes) -> None:
    first = said(SOURCE, "package.module")
    cache.parent.mkdir()
    cache.write_bytes(damaged)
    _as_another_process(monkeypatch)
    assert said(SOURCE, "package.module") == first
    remember()
    assert len(json.loads(cache.read_bytes())) == 1


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.parent.write_text("a file where the folder would be")
    said(SOURCE, "package.module")
    remember()


def test_the_cache_stays_bounded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_syntax, "MOST", 2)
    for module in ("a", "b", "c"):
        _as_another_process(monkeypatch)
        said(SOURCE, module)
        remember()
    assert len(json.loads(cache.read_bytes())) == 1


def test_fingerprints_are_the_same_with_and_without_the_cache(tmp_path: Path) -> None:
    code = "from mlpo_core.chain.stages import STAGES; print({name: stage.code() for name, stage in STAGES.items()})"
    run = [sys.executable, "-c", code]
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}
    first, again = (
        subprocess.run(run, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == again
    assert (tmp_path / "mlpo" / "syntax.json").is_file()
