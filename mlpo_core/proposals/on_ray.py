"""Makes proposal shards on a Ray cluster: a Ray Data job over actor pools of engines, one pool for each model.

A row of the job is the number of a shard. A worker holds one engine, makes a shard by the same functions as the local
loop (so the same batches, and with a deterministic engine the same text), grades it and writes the part where it
belongs. A shard that a lost node takes with it is made again by another worker; a part that is there is never made
twice. `ray.data.llm` is not used: it holds no seed per row and forms batches of its own, so rows would differ from the
local engine's.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from mlpo_core.context import Context
from mlpo_core.engines import Engine
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import EngineConfig, Experiment
from mlpo_core.judging import grader_of
from mlpo_core.launching.ray_cluster import connect, in_worker
from mlpo_core.progress import log, track
from mlpo_core.proposals.workload import Shard, Workload, workload
from mlpo_core.store import Dataset, Store, VersionRef
from mlpo_core.store.answers import Answers
from mlpo_core.tasks import read_tasks
from mlpo_core.types import Split

ATTEMPTS = 3
"""How often a shard is tried, each time with a new engine; and how often it is begun again after a worker was lost."""


class _Done(NamedTuple):
    """What a worker answers; an error is told here, because Ray's own would hide its kind."""

    part: int
    kind: str
    message: str


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to know: references and settings, no data and no secret."""

    experiment: Experiment
    inputs: dict[str, VersionRef]
    asset: str
    key: str
    root: str
    partition: str
    splits: tuple[Split, ...]
    samples: int
    payer: str = ""
    budget: float | None = None

    def workload(self) -> Workload:
        """The same workload that the driver has."""
        store = Store(self.root)
        inputs = {name: Dataset(ref) for name, ref in self.inputs.items()}
        ctx = Context(
            self.experiment,
            inputs,
            store.writer(self.asset, self.key),
            store,
            self.partition,
            launcher="ray",
            answers=Answers(store, self.payer, self.budget),
        )
        return workload(ctx, read_tasks(inputs["tasks"], self.splits).values(), self.samples)


def make_shards(work: Workload, splits: tuple[Split, ...], missing: Sequence[Sequence[Shard]]) -> None:
    """Make these shards on the cluster; returns when all are written.

    Args:
        work: The whole workload.
        splits: The task splits that it answers.
        missing: The shards to make, by model.

    Raises:
        BadInput: A worker's engine refused its input.
        Transient: A worker's engine was away.
    """
    ray = connect()
    ctx = work.ctx
    inputs = {name: dataset.ref for name, dataset in ctx.inputs.items()}
    assignment = Assignment(
        ctx.experiment,
        inputs,
        ctx.writer.asset,
        ctx.writer.key,
        ctx.store.root,
        ctx.partition,
        splits,
        work.samples,
        ctx.answers.payer if ctx.answers else "",
        ctx.answers.budget if ctx.answers else None,
    )
    needs = [_need(ctx.experiment.engine_of(shards[0].member.agent), ray) for shards in missing]
    at_once = max(1, min((int(ray.cluster_resources().get(resource, 0) // n) for resource, n in needs), default=1))
    total = sum(map(len, missing))
    log(f"{assignment.asset}: {total} shards of {len(missing)} models on a Ray cluster, {at_once} engines at first")
    models = iter(zip(missing, needs, strict=True))
    while group := list(islice(models, at_once)):
        streams = [_stream(assignment, shards, resource, need) for shards, (resource, need) in group]
        made = streams[0].union(*streams[1:]) if streams[1:] else streams[0]
        shards = sum(len(shards) for shards, _ in group)
        for row in track(made.iter_rows(), f"{assignment.asset} on Ray", shards, "shard"):
            _raise(_Done(**row))


def _need(engine: EngineConfig, ray: Any) -> tuple[str, int]:
    """The resource that an engine takes, and how much of it."""
    if engine.kind == "openai" or not ray.cluster_resources().get("GPU"):
        return "CPU", 1
    return "GPU", engine.tensor_parallel_size if engine.kind == "vllm" else 1


def _stream(assignment: Assignment, shards: Sequence[Shard], resource: str, need: int) -> Any:
    """The Ray Data job of one model: as many workers as the cluster has room for, and shards are left."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    parts = [{"part": shard.part} for shard in shards]
    with warnings.catch_warnings():
        # A shard that takes its worker down every time must end the job; no named parameter says so yet.
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
        return ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
            _Worker,
            fn_constructor_args=(assignment,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=len(parts)),
            num_cpus=need if resource == "CPU" else None,
            num_gpus=need if resource == "GPU" else None,
            max_task_retries=ATTEMPTS,
        )


class _Worker:
    """Holds the engine of one model on some node and makes the shards that it is given."""

    def __init__(self, assignment: Assignment) -> None:
        in_worker()
        self._work = assignment.workload()
        self._grader = grader_of(self._work.ctx, 1)
        self._shards = {shard.part: shard for shards in self._work.models for shard in shards}
        self._engine: Engine | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        done = [self._make(int(part)) for part in batch["part"]]
        return {name: [getattr(row, name) for row in done] for name in _Done._fields}

    def _make(self, part: int) -> _Done:
        if part in self._work.ctx.writer.done():
            return _Done(part, "", "")  # written before its worker was lost
        shard = self._shards[part]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._engine is None:
                    self._engine = self._work.open_engine(shard.member)
                self._work.finish(shard, self._work.sample(shard, self._engine), self._grader)
                return _Done(part, "", "")
            except (BadInput, Transient) as error:
                return _Done(part, type(error).__name__, str(error))
            except Exception as error:
                log(f"shard {part}, attempt {attempt} of {ATTEMPTS}: {type(error).__name__}: {error}")
                if attempt == ATTEMPTS:
                    raise
                self._close()
        raise AssertionError("unreachable")

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine:
            engine.close()


def _raise(done: _Done) -> None:
    if done.kind == BadInput.__name__:
        raise BadInput(done.message)
    if done.kind == Transient.__name__:
        raise Transient(done.message)
