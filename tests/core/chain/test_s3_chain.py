"""A recorded team's whole chain on a real S3 server: the same rows as on a disk, refusals, and a server that dies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from s3fs import S3FileSystem

from mlpo_core.cli import main
from mlpo_core.store import Dataset, Store
from mlpo_core.store.catalog import versions
from tests.s3_server import SECRET_KEY, S3Server
from tests.support import REPOSITORY, wait_for, write_recorded

pytestmark = pytest.mark.slow

CHAIN = [
    "tasks",
    "base_models",
    "agent_proposals",
    "hard_tasks",
    "benchmark_proposals",
    "benchmark_predictions",
    "benchmark_report",
]
"""What a team of recorded agents makes without a model."""


@pytest.fixture
def votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiment `votes`, in small shards."""
    (tmp_path / "experiments").mkdir()
    write_recorded(tmp_path / "recorded", tasks=80)
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path / "experiments"))
    monkeypatch.setenv("MLPO_DATA_DIR", str(tmp_path / "recorded"))
    experiment = {
        "name": "votes",
        "tasks": [{"benchmark": "math", "source": "recorded", "divide_test": True, "shares": [0.6, 0.1, 0.3]}],
        "team": {"agents": [{"name": a, "model": f"recorded:{a}"} for a in ("good", "fair", "poor")]},
        "proposals": {"samples_per_agent": 2, "benchmark_samples": 3, "shard_size": 2},
        "benchmark": {"methods": ["single", "majority_vote@3"]},
        "engine": {"kind": "recorded", "recorded": "$MLPO_DATA_DIR"},
    }
    (tmp_path / "experiments" / "votes.yaml").write_text(yaml.safe_dump(experiment))


def make(asset: str, root: str) -> int:
    return main(["run", asset, "--experiment", "votes", "--root", root])


def digests(root: str) -> dict[str, str]:
    store = Store(root)
    return {asset: ref.digest for asset in CHAIN if (ref := store.pointed("votes", asset))}


def test_the_whole_chain_gives_the_same_rows_as_on_a_disk(votes, s3_root: str, s3: S3Server, tmp_path, capsys) -> None:
    write_recorded(tmp_path / "recorded", tasks=40)
    disk = str(tmp_path / "data")
    for root in (disk, s3_root):
        assert [make(asset, root) for asset in CHAIN] == [0] * len(CHAIN)
    assert set(digests(disk)) == set(CHAIN)
    assert digests(s3_root) == digests(disk)
    assert all(entry.used_by == ("votes",) for entry in versions(Store(s3_root)))
    capsys.readouterr()
    assert make("benchmark_report", s3_root) == 0
    assert capsys.readouterr().out.startswith(f"benchmark_report: reused {s3_root}/")
    store = Store(s3_root)
    ref = store.pointed("votes", "benchmark_predictions")
    assert ref
    row = next(iter(Dataset(ref).rows()))
    assert main(["trace", row["prediction_id"], "--root", s3_root]) == 0
    assert row["task_id"] in capsys.readouterr().out
    assert main(["report", "--experiment", "votes", "--root", s3_root]) == 0
    assert f"{s3_root}/benchmark_report/" in capsys.readouterr().out


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Changes the environment of a storage that is used from the next request on."""
    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    yield monkeypatch


PLANTED = "planted-secret-0123456789"


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"AWS_SECRET_ACCESS_KEY": PLANTED}, 2, "refuses these credentials"),
        ({"AWS_ACCESS_KEY_ID": PLANTED, "AWS_SECRET_ACCESS_KEY": PLANTED}, 2, "refuses these credentials"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 2, "needs credentials"),
        ({"AWS_ENDPOINT_URL": f"http://someone:{PLANTED}@127.0.0.1:1"}, 75, "cannot be reached"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_clear_error_without_secrets(
    votes, s3_root: str, broken, change: dict[str, str], code: int, says: str, capfd, caplog
) -> None:
    for name, value in change.items():
        broken.setenv(name, value)
    caplog.set_level("DEBUG", logger="mlpo_core")
    assert make("tasks", s3_root) == code
    said = capfd.readouterr()
    [line] = said.err.strip().splitlines()
    assert says in line and s3_root in line and "AWS_" in line
    for secret in (PLANTED, SECRET_KEY):
        assert secret not in said.err + said.out + caplog.text


def test_a_bucket_that_is_not_there_is_named_before_anything_is_made(votes, s3_root: str, broken, capfd) -> None:
    assert make("tasks", "s3://no-such-bucket/data") == 2
    [line] = capfd.readouterr().err.strip().splitlines()
    assert "there is no bucket 'no-such-bucket'" in line
    assert main(["versions", "--root", "s3://no-such-bucket/data"]) == 2
    assert make("tasks", "s3://Not_A_Bucket!/data") == 2
    assert "cannot be the name of a bucket" in capfd.readouterr().err


def test_a_server_killed_in_the_middle_loses_nothing_and_the_retry_finishes(
    votes, s3_root: str, s3: S3Server, tmp_path: Path, monkeypatch
) -> None:
    for asset in CHAIN[:2]:
        assert make(asset, s3_root) == 0
    bucket, _, prefix = s3_root.removeprefix("s3://").partition("/")

    def parts() -> dict[str, str]:
        listed = s3.client().list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/agent_proposals/").get("Contents", [])
        return {entry["Key"]: f"{entry['LastModified']} {entry['ETag']}" for entry in listed}

    phase = subprocess.Popen(
        [sys.executable, "-m", "mlpo_core", "run", "agent_proposals", "--experiment", "votes", "--root", s3_root],
        cwd=REPOSITORY,
        env={**os.environ, "AWS_MAX_ATTEMPTS": "2"},
        stderr=subprocess.PIPE,
        text=True,
    )
    # Far fewer than there will be: the phase must not be over before the server is killed.
    wait_for(lambda: len(parts()) >= 5, 120, "five parts")
    acknowledged = parts()
    s3.kill()
    try:
        said = phase.communicate(timeout=120)[1]
    finally:
        s3.start()
    assert phase.returncode == 75, said
    [failure] = [line for line in said.splitlines() if line.startswith("temporary failure: ")]
    assert s3_root in failure and s3.endpoint in failure and "run the same command again" in failure
    S3FileSystem.clear_instance_cache()
    left = parts()
    assert left.items() >= acknowledged.items(), "nothing that was acknowledged is lost"
    assert not [name for name in left if name.endswith("manifest.json")], "nothing is half-visible"
    assert make("agent_proposals", s3_root) == 0
    assert parts().items() >= left.items(), "no finished part was made again"
    for asset in CHAIN[:3]:
        assert make(asset, str(tmp_path / "data")) == 0
    here, there = (
        Dataset(ref) for r in (str(tmp_path / "data"), s3_root) if (ref := Store(r).pointed("votes", CHAIN[2]))
    )
    assert here.ref.digest == there.ref.digest and list(here.rows(["proposal_id"])) == list(there.rows(["proposal_id"]))
    assert len(there.manifest.parts) > len(left)
