"""A million tasks without a model: `python -m tests.simulate`. Everything is real but the engine, which writes at once.

Tasks are written as a version, sampled shard by shard (12 proposals each: three agents, four samples), graded, stored,
filtered and read back, on this machine or as a Ray Data job. Every size runs in a process of its own, so that memory
can be compared: the table shows how rows per second and peak memory change as the number of tasks doubles.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlpo_core.context import Context
from mlpo_core.engines.protocol import Sampling
from mlpo_core.proposals import filtering, workload
from mlpo_core.proposals import on_ray as ray_generation
from mlpo_core.proposals import sampling as proposals
from mlpo_core.store import Dataset, Store
from mlpo_core.types import Generation, Request
from tests import mini_chain as mini
from tests.support import REPOSITORY

SAMPLES = 4
SHARD_ROWS = 16384
_PART_ROWS = 50_000


class Measured(NamedTuple):
    """One size. Rows are proposals; memory is the driver's peak."""

    tasks: int
    rows: int
    seconds: float
    sampled_per_s: float
    filtered_per_s: float
    memory_mb: float
    stored_mb: float


class Stub:
    """An engine that answers at once: right for two of three seeds."""

    max_context: int | None = None
    at_once = 1

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """`Say 12.` is answered with 12 or with something else."""
        return [Generation(_text(r), len(r.prompt), 0, 20, "stop", 1e-6) for r in requests]

    def count_tokens(self, prompt: str) -> int:
        """Characters."""
        return len(prompt)

    def close(self) -> None:
        """Nothing to free."""

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to free."""


class StubWorkload(workload.Workload):
    """A workload whose engine is the stub."""

    def open_engine(self, member: workload.Member) -> Any:
        """The stub, for every agent."""
        return Stub()


class StubAssignment(ray_generation.Assignment):
    """What Ray workers are given: the stub instead of a model."""

    def workload(self) -> workload.Workload:
        """The same shards, with the stub."""
        return StubWorkload(**vars(super().workload()))


def simulate(root: Path, tasks: int, launcher: str = "local") -> Measured:
    """Run one size in this process."""
    started = time.monotonic()
    store = Store(str(root))
    config = mini.experiment(proposals={"samples_per_agent": SAMPLES, "shard_size": SHARD_ROWS})
    models = [_model(a) for a in mini.AGENTS]
    inputs = {"tasks": _tasks(store, tasks), "base_models": mini.put(store, "base_models", models)}
    workload.Workload, ray_generation.Assignment = StubWorkload, StubAssignment  # pyright: ignore
    ctx = mini.context(store, "agent_proposals", config, inputs)
    ctx = Context(ctx.experiment, ctx.inputs, ctx.writer, ctx.store, ctx.partition, launcher=launcher)  # pyright: ignore
    began = time.monotonic()
    made = mini.commit(ctx, proposals.run_training(ctx))
    sampled = time.monotonic() - began
    began = time.monotonic()
    hard = mini.commit(*_filter(store, config, {**inputs, "agent_proposals": made}))
    filtered = time.monotonic() - began
    assert made.count() == tasks * SAMPLES * len(mini.AGENTS), "every task has all its proposals"
    assert sum(batch.num_rows for batch in made.batches(["proposal_id"])) == made.count()
    assert hard.count() == tasks
    status = Path("/proc/self/status").read_text()  # ru_maxrss would be inherited from whoever started this process
    memory = int(status.partition("VmHWM:")[2].split()[0]) / 1000
    stored = sum(p.bytes for p in made.manifest.parts) / 1e6
    rows = made.count()
    return Measured(tasks, rows, time.monotonic() - started, rows / sampled, rows / filtered, memory, stored)


def table(results: Sequence[Measured]) -> str:
    """The sizes side by side."""
    lines = [
        f"{'tasks':>10} {'proposals':>11} {'seconds':>8} {'sampled/s':>10} {'filtered/s':>11} {'MB peak':>8} "
        f"{'MB stored':>9}"
    ]
    for r in results:
        lines.append(
            f"{r.tasks:>10,} {r.rows:>11,} {r.seconds:>8.0f} {r.sampled_per_s:>10,.0f} {r.filtered_per_s:>11,.0f} "
            f"{r.memory_mb:>8,.0f} {r.stored_mb:>9,.0f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run a quarter, half and all of the tasks, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--launcher", choices=["local", "ray"], default="local")
    parser.add_argument("--root", type=Path, help="run only this size, here, and print figures as JSON")
    options = parser.parse_args()
    if options.root:
        print(json.dumps(simulate(options.root, options.tasks, options.launcher)))
        return
    results: list[Measured] = []
    for size in (options.tasks // 4, options.tasks // 2, options.tasks):
        results.append(measure(size, options.launcher))
        print(table(results[-1:]).split("\n")[-1], file=sys.stderr, flush=True)
    print(table(results))


def measure(tasks: int, launcher: str = "local") -> Measured:
    """Run one size in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="mlpo-simulate-") as root:
        command = [
            sys.executable,
            "-m",
            "tests.simulate",
            "--tasks",
            str(tasks),
            "--launcher",
            launcher,
            "--root",
            root,
        ]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TQDM_DISABLE": "1"}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=REPOSITORY, env=environment)
        return Measured(*json.loads(done.stdout.splitlines()[-1]))


def _tasks(store: Store, n: int) -> Dataset:
    writer = store.writer("tasks", "k")
    for part, start in enumerate(range(0, n, _PART_ROWS)):
        writer.write(part, [mini.task(i) for i in range(start, min(n, start + _PART_ROWS))])
    writer.commit(mini.ORIGIN, {})
    ref = store.find("tasks", "k")
    assert ref
    return Dataset(ref)


def _filter(store: Store, config: Any, inputs: dict[str, Dataset]) -> tuple[Context, dict[str, Any]]:
    ctx = mini.context(store, "hard_tasks", config, inputs)
    return ctx, filtering.run(ctx)


def _model(name: str) -> dict[str, Any]:
    return {"name": name, "role": "agent", "model": f"models/{name}", "revision": "r", "path": "", "parameters": 1}


def _text(request: Request) -> str:
    number = request.prompt.rpartition("Say ")[2].partition(".")[0]
    return f"It is <answer>{number if request.seed % 3 else 'unknown'}</answer>"


if __name__ == "__main__":
    main()
