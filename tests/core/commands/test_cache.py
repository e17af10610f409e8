"""`mlpo cache` shows what is stored and what it saved, and deletes only what it is told to."""

from pathlib import Path

import pytest

from mlpo_core.cli import main
from mlpo_core.store import Store
from mlpo_core.store.answers import Answers, Stored


def put(root: Path, model: str, at: float) -> None:
    answers = Answers(Store(str(root)), "lab")
    answers.open()
    stored = Stored(
        model=model,
        text="an answer",
        prompt_tokens=1000,
        cached_prompt_tokens=0,
        completion_tokens=20,
        finish_reason="stop",
        seconds=1.0,
        at=at,
    )
    answers.keep(f"{hash((model, at)) % 2**64:032x}", stored, 0.25)
    answers.note({"model": model, "hits": 3, "saved": 0.75})
    answers.close()


def test_it_shows_and_deletes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    put(tmp_path, "old-model", 1.0)
    put(tmp_path, "new-model", 2e9)
    assert main(["cache", *root]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[:4] for line in shown.splitlines()[1:4]] == [
        [name, count, "0.00", "MB"] for name, count in (("new-model", "1"), ("old-model", "1"), ("together", "2"))
    ]
    assert "$0.2500" in shown and "$1.5000" in shown and "spent by lab: $0.5000" in shown
    before = [path.read_bytes() for path in sorted((tmp_path / "answers").glob("*.answers"))]
    assert main(["cache", "--older-than", "30", *root]) == 0
    assert "would delete 1 answers of old-model" in capsys.readouterr().out
    assert [path.read_bytes() for path in sorted((tmp_path / "answers").glob("*.answers"))] == before
    assert main(["cache", "--older-than", "30", "--yes", *root]) == 0
    capsys.readouterr()
    assert main(["cache", *root]) == 0
    shown = capsys.readouterr().out
    assert "spent by lab: $0.5000" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("together")] == ["1"]


def test_nothing_stored_is_shown_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--root", str(tmp_path / "absent")]) == 0
    assert "together" in capsys.readouterr().out and not (tmp_path / "absent").exists()


def test_deleting_wants_to_know_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--yes", "--root", str(tmp_path)]) == 2
    assert "--older-than" in capsys.readouterr().err
