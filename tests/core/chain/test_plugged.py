"""Only an experiment's file may name code: no override reaches any."""

from pathlib import Path

import pytest
import yaml

from mlpo_core.chain.experiments import find, read
from mlpo_core.errors import BadInput

FILE = {
    "name": "lab",
    "tasks": [{"benchmark": "procedural", "train": 4, "dev": 2, "test": 2, "subjects": ["chain_sum"]}],
    "team": {"agents": [{"name": "alpha", "model": "pretrain:llama"}]},
    "mlpo": {"reward": ["correct", "lab_named:good"]},
    "sweep": {"filter.keep": ["", "lab_named:good"]},
}


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment that names code, and a module beside it that says when it is run."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    (tmp_path / "lab_named.py").write_text("def good(x): return x\n")
    (tmp_path / "lab_evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef bad(x): return x\n")
    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump(FILE))
    return path


def test_what_the_file_names_may_be_left_out_or_stand_elsewhere() -> None:
    assert find("lab", ("mlpo.reward=[correct]",)).mlpo.reward == ("correct",)
    assert find("lab", ("mlpo.steps=3",)).mlpo.term_names == ("correct", "lab_named:good")
    assert find("lab--filter.keep=lab_named:good").filter.keep == "lab_named:good"


@pytest.mark.parametrize(
    "setting",
    [
        "mlpo.reward=[lab_evil:bad]",
        "mlpo.reward.0=lab_evil:bad",
        "grpo.reward=[{lab_evil:bad: 1.0}]",
        "score.reward=[lab_evil:bad]",
        "filter.keep=lab_evil:bad",
        "mlpo.curriculum=lab_evil:bad",
        "benchmark.methods=[single, lab_evil:bad]",
    ],
)
@pytest.mark.parametrize("by_file", [False, True])
def test_an_override_that_names_code_is_refused_and_runs_none(lab: Path, setting: str, by_file: bool) -> None:
    with pytest.raises(BadInput, match="lab_evil:bad: code is named by an experiment's file only"):
        read(str(lab), (setting,)) if by_file else find("lab", (setting,))
    assert not (lab.parent / "ran").exists()


def test_the_name_of_a_partition_reaches_no_code(lab: Path) -> None:
    with pytest.raises(BadInput, match="there is no 'lab_evil:bad'"):
        find("lab--filter.keep=lab_evil:bad")
    assert not (lab.parent / "ran").exists()


def test_code_that_is_missing_is_said_when_the_experiment_is_read(lab: Path) -> None:
    lab.write_text(yaml.safe_dump({**FILE, "filter": {"keep": "lab_absent:f"}}))
    with pytest.raises(BadInput, match=r"lab.yaml: not a valid experiment:\n  filter.keep: lab_absent:f: there is no"):
        find("lab")
