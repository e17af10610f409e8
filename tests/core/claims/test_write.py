"""From a sweep of recorded answers to the page, through the command line."""

import io
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlpo_core.cli import main
from tests.support import write_recorded

VOTES = {
    "name": "votes",
    "tasks": [{"benchmark": "math", "source": "recorded", "divide_test": True, "shares": [0.6, 0.1, 0.3]}],
    "team": {"agents": [{"name": a, "model": f"recorded:{a}"} for a in ("good", "fair", "poor")]},
    "proposals": {"samples_per_agent": 2, "benchmark_samples": 3},
    "engine": {"kind": "recorded", "recorded": "$MLPO_DATA_DIR"},
    "benchmark": {"methods": ["single", "majority_vote"], "votes": [3, 9]},
    "sweep": {"recipe": {"full": {}, "small": {"benchmark.votes": [3]}}, "seed": [1]},
    "claims": {
        "by": "recipe",
        "tests": [{"id": "a", "says": "a <b>vote</b> helps", "method": "majority_vote@3", "against": ["single:poor"]}],
    },
}


@pytest.mark.slow
def test_a_sweep_is_made_once_and_its_claims_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    monkeypatch.setenv("MLPO_DATA_DIR", str(tmp_path / "recorded"))
    monkeypatch.setenv("MLPO_ROOT", str(tmp_path / "root"))
    write_recorded(tmp_path / "recorded")
    (tmp_path / "votes.yaml").write_text(yaml.safe_dump(VOTES))
    assert main(["claims", "votes"]) == 2
    assert "python -m mlpo_core points votes" in capsys.readouterr().err

    assert main(["points", "votes", "--only", "recipe=full"]) == 0
    assert main(["claims", "votes"]) == 0
    assert "have not been made: 1 (recipe=small--seed=1" in capsys.readouterr().out
    assert main(["points", "votes"]) == 0
    assert main(["points", "votes"]) == 0
    assert "0 phases run" in capsys.readouterr().out
    assert main(["points", "votes", "--only", "recipe=big"]) == 2

    assert main(["claims", "votes"]) == 0
    assert "| a | a &lt;b&gt;vote&lt;/b&gt; helps |" in capsys.readouterr().out
    folder = tmp_path / "root" / "claims"
    page = (folder / "votes.html").read_text()
    assert "<b>vote</b>" not in page and "full team</text>" in page
    assert "http://" not in page and "https://" not in page
    figures = pd.read_parquet(io.BytesIO((folder / "votes.parquet").read_bytes()))
    assert figures["kind"].value_counts().to_dict() == {"accuracy": 5 + 4, "test": 2}
    assert (folder / "votes.svg").read_text().count(">full team<") == 1

    full, small = (f"votes--recipe={recipe}--seed=1" for recipe in ("full", "small"))
    assert main(["report", "--compare", "votes"]) == 0  # its two points
    page_file, text_file = capsys.readouterr().out.split()
    assert page_file.endswith("comparisons/votes_sweep.html") and f"# {full} and {small}" in _read(text_file)
    assert main(["report", "--compare", "votes", full, small]) == 0
    text = _read(capsys.readouterr().out.split()[1])
    assert f"# 3 experiments: votes, {full}, {small}" in text and "Worth their tokens" not in text  # none was recorded
    assert main(["report", "--compare", full]) == 2
    assert "it has no sweep" in capsys.readouterr().err


def _read(url: str) -> str:
    return Path(url.removeprefix("file://")).read_text()
