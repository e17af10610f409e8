"""Commands that read change nothing, and need neither the right nor the space to write."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlpo_core.cli import main
from mlpo_core.store import Dataset, Store
from mlpo_core.store.disk import walk
from tests.support import write_recorded

VOTES = {
    "name": "votes",
    "tasks": [{"benchmark": "math", "source": "recorded", "divide_test": True, "shares": [0.6, 0.1, 0.3]}],
    "team": {"agents": [{"name": a, "model": f"recorded:{a}"} for a in ("good", "fair", "poor")]},
    "proposals": {"samples_per_agent": 2, "benchmark_samples": 3},
    "benchmark": {"methods": ["single", "majority_vote@3"]},
    "engine": {"kind": "recorded", "recorded": "$MLPO_DATA_DIR"},
}
CHAIN = ("tasks", "base_models", "agent_proposals", "hard_tasks", "benchmark_proposals", "benchmark_predictions")


@pytest.mark.slow
def test_versions_trace_and_report_read_a_full_and_a_read_only_root(
    disk: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_recorded(tmp_path / "recorded", tasks=40)
    (tmp_path / "votes.yaml").write_text(yaml.safe_dump(VOTES))
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    monkeypatch.setenv("MLPO_DATA_DIR", str(tmp_path / "recorded"))
    folder = disk("size=16m")
    root = ["--root", str(folder / "root")]
    for asset in (*CHAIN, "benchmark_report"):
        assert main(["run", "votes", asset, *root]) == 0
    store = Store(root[1])
    predictions = store.pointed("votes", "benchmark_predictions")
    assert predictions
    wanted = next(iter(Dataset(predictions).rows()))["prediction_id"]
    store.unpoint("votes", "benchmark_report")  # a pointer that a command that makes things would write again
    before = dict(walk(str(folder)))

    def read_all() -> None:
        for command in (["versions"], ["trace", wanted], ["report", "--experiment", "votes"]):
            assert main([*command, *root]) == 0, command
        assert "report.html" in capsys.readouterr().out

    read_all()
    assert dict(walk(str(folder))) == before, "nothing was written"
    with pytest.raises(OSError, match="No space"):
        (folder / "ballast").write_bytes(b"0" * 32_000_000)
    read_all()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    read_all()
