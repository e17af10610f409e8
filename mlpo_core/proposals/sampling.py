"""Sample every agent on every task, shard by shard: `agent_proposals` and `benchmark_proposals`.

Every model is started once, also when several agents share it, and not at all when its shards are there. An engine that
can begins a shard while the last rows of the one before are being written; grading and writing overlap with both. With
`launcher: ray` the missing shards are made by engines all over the cluster (`mlpo_core.proposals.on_ray`), each by the
same functions.
"""

from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

from mlpo_core.context import Context
from mlpo_core.grading import Grader
from mlpo_core.judging import grader_of
from mlpo_core.judging.rows import judged_stats, part_name
from mlpo_core.progress import log, track
from mlpo_core.proposals.on_ray import make_shards
from mlpo_core.proposals.recorded import recorded_drafts
from mlpo_core.proposals.rows import describe, write_graded
from mlpo_core.proposals.workload import Shard, Workload, check_chats, workload
from mlpo_core.store.ahead import in_order
from mlpo_core.tasks import read_tasks
from mlpo_core.types import Split


def run_training(ctx: Context) -> dict[str, Any]:
    """`samples_per_agent` proposals of every agent on every train and dev task; returns the manifest's stats."""
    return _run(ctx, ("train", "dev"), "samples_per_agent", ctx.experiment.proposals.samples_per_agent)


def run_benchmark(ctx: Context) -> dict[str, Any]:
    """`benchmark_samples` proposals of every agent on every test task; returns the manifest's stats."""
    return _run(ctx, ("test",), "benchmark_samples", ctx.experiment.proposals.benchmark_samples)


def _run(ctx: Context, splits: tuple[Split, ...], setting: str, samples: int) -> dict[str, Any]:
    tasks = read_tasks(ctx.inputs["tasks"], splits)
    work = workload(ctx, tasks.values(), samples)
    parts = sum(map(len, work.models))
    done = ctx.writer.done()
    if done:
        log(f"{ctx.writer.asset}: going on after {len(done)} finished shards")
    missing = [rest for shards in work.models if (rest := [s for s in shards if s.part not in done])]
    check_chats(ctx, {shard.member.agent.name: shard.member for rest in missing for shard in rest}.values())
    if missing and ctx.launcher == "ray":
        make_shards(work, splits, missing)
    # Grading workers are forked before an engine starts threads.
    with grader_of(ctx) as grader, ThreadPoolExecutor(max_workers=1) as background:
        for shards in [] if ctx.launcher == "ray" else missing:
            _generate(work, shards, grader, background)
        for drafts in recorded_drafts(ctx, tasks, samples, setting):
            if parts not in done:
                write_graded(ctx.writer, parts, drafts, grader)
            parts += 1
    judged = judged_stats(ctx.writer, map(part_name, range(parts)))
    return {**describe((ctx.writer.part(part) for part in range(parts)), len(tasks)), **judged}


def _generate(work: Workload, shards: Sequence[Shard], grader: Grader, background: Executor) -> None:
    """Make the shards of one model. At most one finished shard waits for its grading."""
    asset, member = work.ctx.writer.asset, shards[0].member
    pending: Future[None] | None = None
    with (
        work.open_engine(member) as engine,
        closing(in_order(lambda shard: work.sample(shard, engine), shards, engine.at_once)) as made,
    ):
        finished = zip(shards, made, strict=True)
        for shard, drafts in track(finished, f"{asset}: {member.agent.model}", len(shards), "shard"):
            if pending:
                pending.result()
            pending = background.submit(work.finish, shard, drafts, grader)
    if pending:
        pending.result()
