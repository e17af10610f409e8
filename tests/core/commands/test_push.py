"""`mlpo push` sends what the experiment's file names, to where it says, and only when it is told to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard, constants

from mlpo_core.chain.stages import STAGES
from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.config import OPERATION
from mlpo_core.experiment.files import find
from mlpo_core.experiment.reading import load
from mlpo_core.publishing.parcels import of_rollouts, of_traces
from mlpo_core.store import Dataset, Origin, Store
from mlpo_core.store.rollouts import encoded, name_of
from tests.hub_server import Hub, upload_hub

TOKEN = "hf_thetokenofthistest"
MINE: dict[str, Any] = {
    "name": "mine",
    "tasks": [{"benchmark": "procedural", "train": 4, "dev": 2, "test": 4}],
    "team": {"agents": [{"name": "a", "model": "pretrain:llama"}]},
    "leader": {"model": "pretrain:llama"},
    "push_to_hub": {"leader": "owner/leader", "sft": "owner/traces", "rollouts": "owner/rollouts"},
}
TRACE: dict[str, Any] = {
    "trace_id": "t",
    "task_id": "q",
    "benchmark": "procedural",
    "kind": "clean",
    "mode": "solo",
    "proposal_ids": [],
    "prompt": "sum 1+1",
    "shortened": None,
    "completion": "2",
    "completion_segments": [{"text": "2", "train": True}],
    "draft_ids": ["d"],
    "tokens": 3,
}
ROLLOUT: dict[str, Any] = {
    **{name: TRACE[name] for name in ("task_id", "benchmark", "mode", "prompt", "completion")},
    **{"prompt_id": "p", "round": 0, "question": "1+1", "answer": "2", "completion_tokens": 1, "truncated": False},
    **{"correct": True, "marked": False, "well_formed": False, "reward": 0.5, "advantage": 0.0},
    "terms": [{"term": "correct", "value": 0.5}],
}
FILES = {"README.md": b"# A leader\n", "model.safetensors": bytes(range(256)) * 8}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A root in which the leader and the traces of `mine` were made."""
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(MINE))
    store = Store(str(tmp_path / "root"))
    (tmp_path / "leader").mkdir()
    for name, data in FILES.items():
        (tmp_path / "leader" / name).write_bytes(data)
    rows = {"published_leader": [{"file": n, "bytes": len(d), "sha256": ""} for n, d in FILES.items()]}
    for asset, these in {**rows, "sft_dataset": [TRACE], "mlpo_leader": []}.items():
        writer = store.writer(asset, "k")
        writer.write(0, these)
        if asset == "published_leader":
            writer.put_folder("leader", tmp_path / "leader")
        for step in (1, 10) if asset == "mlpo_leader" else ():
            writer.put(name_of(step), encoded([{**ROLLOUT, "step": step}]))
        stats = {"headline": {}, "Rows": {"clean": 1}, "Dropped": {"| <b>": 2}}
        writer.commit(Origin(inputs={}, input_keys={}, config={}, versions={}), stats)
        ref = store.find(asset, "k")
        assert ref
        store.point("mine", ref)
    return store


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with upload_hub(TOKEN) as there:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "ENDPOINT", there.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield there


def test_nothing_is_sent_before_yes_and_then_all_of_it(
    store: Store, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    push = ["push", "mine", "--root", store.root]
    assert main(push) == 0
    told = capsys.readouterr().out
    assert "would send to model repository owner/leader (private): 2 files, 2,059 bytes" in told
    assert "dataset repository owner/traces (private): 2 files" in told and not hub.tokens
    assert main([*push, "--yes"]) == 0
    output = capsys.readouterr()
    assert TOKEN not in output.out + output.err
    leader, traces = hub.repositories["model", "owner/leader"], hub.repositories["dataset", "owner/traces"]
    assert {n: leader.files[n] for n in FILES} == FILES and leader.private and traces.private
    made = store.pointed("mine", "sft_dataset")
    assert made
    part = Dataset(made).manifest.parts[0].name
    assert traces.files[f"data/{part}"] == Dataset(made).read_part(part)
    rollouts, trained = hub.repositories["dataset", "owner/rollouts"], store.pointed("mine", "mlpo_leader")
    assert trained and rollouts.private
    sent = {n: rollouts.files[f"data/{n.rpartition('/')[2]}"] for n in (name_of(1), name_of(10))}
    assert sent == {n: Dataset(trained).read_file(n) for n in sent}


def test_the_dataset_card_says_columns_rows_sources_and_licences(store: Store, tmp_path: Path) -> None:
    made = store.pointed("mine", "sft_dataset")
    assert made
    contents = of_traces("owner/traces", True, Dataset(made), load(tmp_path / "mine.yaml"), "unknown").contents()
    card, part = contents["README.md"], contents["data/part-000000.parquet"]
    assert isinstance(card, bytes) and isinstance(part, bytes)
    (tmp_path / "part.parquet").write_bytes(part)
    text = card.decode()
    for column in pq.read_schema(tmp_path / "part.parquet").names:
        assert f"| {column} |" in text.replace("\\", "")
    assert "1 rows" in text and "The licence of the whole is unknown" in text and "<b>" not in text
    data = DatasetCard(text).data.to_dict()
    assert data["license"] == "unknown" and data["configs"][0]["data_files"][0]["path"] == "data/*.parquet"


def test_the_card_of_rollouts_says_columns_steps_and_terms_and_they_load(store: Store, tmp_path: Path) -> None:
    made = store.pointed("mine", "mlpo_leader")
    assert made
    parcel = of_rollouts("owner/rollouts", True, Dataset(made), load(tmp_path / "mine.yaml"), "apache-2.0")
    contents = parcel.contents()
    assert {name: len(content) for name, content in contents.items() if isinstance(content, bytes)} == parcel.sizes
    (tmp_path / "data").mkdir()
    for name in ("data/step-000001.parquet", "data/step-000010.parquet"):
        content = contents[name]
        assert isinstance(content, bytes)
        (tmp_path / name).write_bytes(content)
    card = contents["README.md"]
    assert isinstance(card, bytes)
    text = card.decode()
    assert "2, from 1 to 10" in text and "correct, format" in text and "licence apache" in text.replace("\\", "")
    rows = datasets.load_dataset("parquet", data_files=str(tmp_path / "data" / "*.parquet"), cache_dir=str(tmp_path))
    assert rows["train"]["step"] == [1, 10] and rows["train"][0]["terms"] == ROLLOUT["terms"]
    for column in rows["train"].column_names:
        assert f"| {column} |" in text.replace("\\", "")
    assert DatasetCard(text).data.to_dict()["configs"][0]["data_files"][0]["path"] == "data/*.parquet"


def test_a_leader_that_keeps_none_sends_none(store: Store, tmp_path: Path) -> None:
    writer = store.writer("mlpo_leader", "bare")
    writer.commit(Origin(inputs={}, input_keys={}, config={}, versions={}), {})
    ref = store.find("mlpo_leader", "bare")
    assert ref
    with pytest.raises(BadInput, match=r"push_to_hub\.rollouts: .* keeps no rollouts"):
        of_rollouts("owner/rollouts", True, Dataset(ref), load(tmp_path / "mine.yaml"), "unknown")


def test_a_file_that_names_no_repository_sends_nothing(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({k: v for k, v in MINE.items() if k != "push_to_hub"}))
    assert main(["push", "mine", "--yes", "--root", store.root]) == 2
    assert "its file has no push_to_hub" in capsys.readouterr().err
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**MINE, "sft": {"enabled": False}}))
    assert main(["push", "mine", "--root", store.root]) == 2
    assert "push_to_hub.sft: mine has no sft_dataset" in capsys.readouterr().err


@pytest.mark.parametrize(
    "setting", ["push_to_hub.leader=evil/x", "push_to_hub={leader: evil/x}", "push_to_hub.private=false"]
)
def test_only_the_file_says_where(store: Store, tmp_path: Path, setting: str) -> None:
    with pytest.raises(BadInput, match="only the experiment's file sets it, and no sweep"):
        find("mine", (setting,))
    name, _, value = setting.partition("=")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**MINE, "sweep": {"to": {"x": {name: value}}}}))
    with pytest.raises(BadInput, match="only the experiment's file sets it, and no sweep"):
        find("mine--to=x")


@pytest.mark.parametrize("name", ["leader", "a/b/c", "../x", "a/..", "https://x/y", "a/b\n", "a/$HOME"])
def test_a_repository_is_an_owner_and_a_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**MINE, "push_to_hub": {"leader": name}}))
    with pytest.raises(BadInput, match=r"push_to_hub\.leader"):
        load(tmp_path / "mine.yaml")


def test_no_key_covers_it() -> None:
    assert "push_to_hub" in Experiment.model_fields and "push_to_hub" in OPERATION
    assert not any("push_to_hub" in stage.sections for stage in STAGES.values())
