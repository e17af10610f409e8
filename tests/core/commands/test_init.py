"""`mlpo init` writes an experiment that is valid as it stands."""

from pathlib import Path

import pytest

from mlpo_core.chain.experiments import find
from mlpo_core.cli import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLPO_EXPERIMENTS", raising=False)
    return tmp_path


def test_what_it_writes_can_be_planned(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine"]) == 0
    assert "experiments/mine.yaml: edit it" in capsys.readouterr().out
    assert find("mine").name == "mine"
    assert main(["plan", "mine"]) == 0


def test_it_overwrites_nothing(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "experiments").mkdir()
    (elsewhere / "experiments" / "mine.yaml").write_text("name: mine\n")
    assert main(["init", "mine"]) == 2
    assert "experiments/mine.yaml is there already" in capsys.readouterr().err
    assert (elsewhere / "experiments" / "mine.yaml").read_text() == "name: mine\n"


@pytest.mark.parametrize("name", ["../mine", "a--b", "", "mine/yours"])
def test_a_name_that_is_none_of_a_file_is_refused(elsewhere: Path, name: str) -> None:
    assert main(["init", name]) == 2
    assert not list(elsewhere.iterdir())
