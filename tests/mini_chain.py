"""A chain of small hand-made datasets for tests: tasks of one line, three agents whose right answers are chosen."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mlpo_core.chain.stages import STAGES
from mlpo_core.context import Context
from mlpo_core.engines.protocol import Sampling
from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset, Origin, Store
from mlpo_core.types import Generation, Request

AGENTS = ("alpha", "beta", "gamma")
ORIGIN = Origin(inputs={}, input_keys={}, config={}, versions={"code": "1"})


def experiment(**sections: Any) -> Experiment:
    """A small experiment; sections override."""
    raw: dict[str, Any] = {
        "name": "mini",
        "tasks": [{"benchmark": "procedural", "train": 1, "dev": 1, "test": 1}],
        "team": {"agents": [{"name": a, "model": f"models/{a}"} for a in AGENTS]},
        "leader": {"model": "models/leader", "max_context": 512, "max_new_tokens": 64},
        "engine": {"dtype": "float32"},
    }
    return Experiment.model_validate({**raw, **sections})


def put(
    store: Store,
    asset: str,
    rows: Sequence[dict[str, Any]],
    part: int = 50,
    stats: dict[str, Any] | None = None,
    key: str = "k",
    origin: Origin = ORIGIN,
) -> Dataset:
    """A committed version of an asset."""
    writer = store.writer(asset, key)
    for index, start in enumerate(range(0, max(1, len(rows)), part)):
        writer.write(index, rows[start : start + part])
    writer.commit(origin, stats or {})
    ref = store.find(asset, key)
    assert ref is not None
    return Dataset(ref)


def context(store: Store, asset: str, config: Experiment, inputs: dict[str, Dataset], key: str = "k") -> Context:
    """What `run.run` gives a stage's function."""
    return Context(STAGES[asset].view(config), inputs, store.writer(asset, key), store, "mini")


def commit(ctx: Context, stats: dict[str, Any]) -> Dataset:
    """What `run.run` does afterwards."""
    ctx.writer.commit(ORIGIN, stats)
    ref = ctx.store.find(ctx.writer.asset, ctx.writer.key)
    assert ref is not None
    return Dataset(ref)


def task(n: int, split: str = "train", subject: str = "echo", question: str | None = None) -> dict[str, Any]:
    """Task n; its answer is n."""
    return {
        "task_id": f"t{n:05d}",
        "benchmark": "procedural",
        "subject": subject,
        "split": split,
        "question": question or f"Say {n}.",
        "choices": [],
        "answer": str(n),
        "answer_kind": "number",
    }


def proposal(of: dict[str, Any], agent: str, j: int, answer: str | None) -> dict[str, Any]:
    """Sample j of an agent; `answer` None writes no answer."""
    text = f"{agent} thinks.<answer>{answer}</answer>" if answer is not None else f"{agent} does not know."
    return {
        "proposal_id": f"{of['task_id']}-{agent}-{j}",
        "task_id": of["task_id"],
        "benchmark": of["benchmark"],
        "split": of["split"],
        "agent": agent,
        "sample_index": j,
        "response": text,
        "extracted": answer,
        "correct": answer == of["answer"],
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "finish_reason": "stop",
        "amortised_s": 0.5,
        "model": f"models/{agent}",
        "revision": "r",
        "seed": j,
        "temperature": 0.7,
        "top_p": 1.0,
        "max_new_tokens": 32,
    }


def hard(of: dict[str, Any], kept: bool = True) -> dict[str, Any]:
    """A row of `hard_tasks`."""
    return {
        "task_id": of["task_id"],
        "benchmark": of["benchmark"],
        "split": of["split"],
        "n": 12,
        "n_correct": 3,
        "correct_rate": 0.25,
        "kept": kept,
        "reason": "kept" if kept else "easy",
    }


class ScriptedEngine:
    """An engine whose texts come from a function of the request; records what it was asked."""

    max_context: int | None = 4096
    at_once = 1

    def __init__(self, write: Callable[[Request], str]) -> None:
        self._write = write
        self.calls: list[tuple[list[Request], Sampling]] = []

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """One scripted text per request."""
        self.calls.append((list(requests), sampling))
        return [Generation(self._write(r), len(r.prompt), 0, 7, "stop", 0.25) for r in requests]

    def count_tokens(self, prompt: str) -> int:
        """Characters."""
        return len(prompt)

    def close(self) -> None:
        """Nothing to free."""

    def __enter__(self) -> "ScriptedEngine":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing to free."""


def store(folder: Path) -> Store:
    """A store in a folder."""
    return Store(str(folder / "data"))
