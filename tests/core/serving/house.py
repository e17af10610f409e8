"""A small experiment with real, random models and real rounds, made once: what the endpoint and the terminal serve."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from mlpo_core.chain.experiments import find
from mlpo_core.chain.keys import key
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.store import Dataset, Store, VersionRef
from tests.core.training.small import small_model

NAME = "house"
AGENTS = ("alpha", "beta", "gamma")
FAMILIES = {"alpha": "llama", "beta": "qwen2", "gamma": "llama", "leader": "qwen3"}
EXPERIMENT: dict[str, Any] = {
    "name": NAME,
    "tasks": [{"benchmark": "procedural", "subjects": ["sum", "sort"], "train": 4, "dev": 2, "test": 4}],
    "team": {"agents": [{"name": a, "model": f"pretrain:{FAMILIES[a]}"} for a in AGENTS]},
    "leader": {"model": "pretrain:qwen3", "max_context": 400, "max_new_tokens": 24},
    "proposals": {"samples_per_agent": 1, "benchmark_samples": 3, "max_new_tokens": 16},
    "sft": {"enabled": False},
    "grpo": {"enabled": False},
    "inference": {"rounds": 3, "stop": {"price": 0.02}},
    "benchmark": {"methods": ["mlpo_leader", "mlpo_leader/adaptive", "majority_vote@3"], "seeds": [7, 8]},
    "engine": {"dtype": "float32"},
}


class House(NamedTuple):
    """Where it stands."""

    experiments: Path
    root: Path

    @property
    def store(self) -> Store:
        """Its store."""
        return Store(str(self.root))

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {"MLPO_EXPERIMENTS": str(self.experiments), "MLPO_ROOT": str(self.root)}

    def rows(self, asset: str) -> list[dict[str, Any]]:
        """The rows of an asset."""
        ref = self.store.pointed(NAME, asset)
        assert ref
        return list(Dataset(ref).rows())


def make(folder: Path, width: int = 32, given: Path | None = None) -> House:
    """Make the experiment below a folder; `MLPO_EXPERIMENTS` must be its `experiments`.

    Args:
        folder: Where.
        width: Of its models.
        given: A checkpoint that everybody is instead; nothing is then answered beforehand.
    """
    house = House(folder / "experiments", folder / "root")
    house.experiments.mkdir(parents=True)
    (house.experiments / f"{NAME}.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    run(resolve("tasks", find(NAME), house.store))
    models = given.parent if given else folder / "models"
    if not given:
        for seed, (name, family) in enumerate(FAMILIES.items()):
            checkpoint(models / name, family, seed, width)
    rows = [
        {"name": n, "role": "leader" if n == "leader" else "agent", "model": f"pretrain:{FAMILIES[n]}", "revision": "0"}
        | {"path": f"models/{given.name if given else n}", "parameters": 1}
        for n in FAMILIES
    ]
    put(house.store, "base_models", rows, ("models", models))
    if given:
        put(house.store, "agent_proposals", [])
    else:
        run(resolve("agent_proposals", find(NAME), house.store))
    for asset in ("hard_tasks", "mlpo_dataset"):
        put(house.store, asset, [])
    trained = given or checkpoint(folder / "trained", "qwen3", 9, width)
    put(house.store, "mlpo_leader", [], ("checkpoint", trained))
    if given:
        return house
    for asset in ("benchmark_proposals", "team_rounds", "dev_rounds", "benchmark_predictions"):
        run(resolve(asset, find(NAME), house.store))
    return house


def checkpoint(folder: Path, family: str, seed: int, width: int) -> Path:
    """A random model that is sure of what it writes, and its tokenizer."""
    tokenizer = character_tokenizer()
    model = small_model(
        family, len(tokenizer), seed, hidden_size=width, intermediate_size=2 * width, head_dim=width // 4
    )
    with torch.no_grad():
        model.lm_head.weight.mul_(4.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def put(
    store: Store, asset: str, rows: list[dict[str, Any]], folder: tuple[str, Path] | None = None, name: str = NAME
) -> VersionRef:
    """A version that an experiment asks for, with these rows and files."""
    spec = resolve(asset, find(name), store)
    writer = store.writer(asset, key(asset, spec.source))
    writer.write(0, rows)
    if folder:
        writer.put_folder(*folder)
    writer.commit(spec.source, {})
    ref = store.find(asset, writer.key)
    assert ref and asset in STAGES
    store.point(name, ref)
    return ref
