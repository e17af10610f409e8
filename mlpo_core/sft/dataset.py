"""Makes the traces of supervised fine-tuning from the base leader's own samples: each verified, or dropped and counted.

A prompt whose samples are partly right becomes one backtracking trace; one whose samples are all right a clean one.
"""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from mlpo_core.context import Context
from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.errors import BadInput
from mlpo_core.experiment import SFT, Leader
from mlpo_core.grading import Grader
from mlpo_core.judging import grader_of
from mlpo_core.judging.rows import judged_stats, part_name
from mlpo_core.models.laboratory.documents import normalise
from mlpo_core.models.laboratory.pretrain import replay_documents
from mlpo_core.models.locate import leader_tokenizer, locate
from mlpo_core.progress import track
from mlpo_core.prompts.budget import PromptMaker
from mlpo_core.prompts.connector import connector_prompt
from mlpo_core.proposals.sets import hard_train_tasks, proposal_sets, spread
from mlpo_core.sft import traces
from mlpo_core.sft.card import describe
from mlpo_core.sft.drafts import Prompted, sample
from mlpo_core.tasks import read_tasks
from mlpo_core.tasks.index import TaskIndex, shards
from mlpo_core.types import Request, Task, stable_id, stable_seed

_SHARD_TASKS = 128
_VARIANTS = 16
"""A team prompt shows one of at most this many proposal sets: more would be read for nothing."""
PRETRAINED = "pretrain:"


def run(ctx: Context) -> dict[str, Any]:
    """Sample the base leader, write the traces shard by shard, then the replay rows; returns the manifest's stats."""
    leader, settings = _settings(ctx)
    tasks = read_tasks(ctx.inputs["tasks"], {"train"})
    hard = sorted(hard_train_tasks(ctx, tasks), key=lambda t: stable_id("sft", ctx.experiment.seed, t))
    used = hard[: settings.tasks]
    work = shards(used, _SHARD_TASKS)
    maker = PromptMaker(leader_tokenizer(ctx, leader), leader, ctx.experiment.seed, ctx.experiment.prompts)
    index = TaskIndex(ctx.inputs["agent_proposals"])
    missing = [i for i in range(len(work)) if i not in ctx.writer.done()]
    prompted = {i: _prompts(ctx, index, tasks, work[i], i * _SHARD_TASKS, maker) for i in missing}
    with ExitStack() as stack:
        if missing:
            engine = stack.enter_context(_open(ctx, leader))
            grader = stack.enter_context(grader_of(ctx))
            for i in track(missing, "sft_dataset", len(missing), "shards"):
                _shard(ctx, i, prompted.pop(i), len(work[i]), engine, grader, maker)
    kept = sum(ctx.writer.part(i).num_rows for i in range(len(work)))
    if not kept:
        raise BadInput(
            f"sft_dataset: no trace could be made from {len(used)} tasks: {_reasons(ctx, len(work))}. {_ADVICE}"
        )
    _replay(ctx, len(work), kept, maker)
    judged = judged_stats(ctx.writer, map(part_name, range(len(work))))
    return {**describe(ctx, len(work), len(hard), len(used), _reasons(ctx, len(work))), **judged}


_ADVICE = "Raise sft.samples or sft.tasks, use a stronger leader, or set sft.enabled: false"


def _settings(ctx: Context) -> tuple[Leader, SFT]:
    leader, settings = ctx.experiment.leader, ctx.experiment.sft
    if leader is None:
        raise BadInput("leader: this experiment has none, so there are no traces to make")
    if settings.replay_share and not leader.model.startswith(PRETRAINED):
        raise BadInput(
            f"sft.replay_share: {settings.replay_share}: only a leader pre-trained here ({PRETRAINED}<recipe>) "
            f"has documents to replay, not {leader.model}. Set it to 0"
        )
    if settings.replay_share >= 1:
        raise BadInput("sft.replay_share: 1 leaves no room for traces. Use less")
    return leader, settings


def _open(ctx: Context, leader: Leader) -> Engine:

    found = locate(ctx.inputs["base_models"], "leader")
    return open_engine(
        ctx.experiment.engine_of(leader),
        found.model,
        revision=found.revision,
        trust_remote_code=leader.trust_remote_code,
    )


def _prompts(
    ctx: Context, index: TaskIndex, tasks: dict[str, Task], ids: Sequence[str], start: int, maker: PromptMaker
) -> list[Prompted]:
    """The prompts of a shard. A task that should show a team but has no complete proposal set gets none."""
    agents = [a.name for a in ctx.experiment.team.agents]
    asked = {a.name: a.samples for a in ctx.experiment.team.agents if a.samples is not None}
    sets = proposal_sets(index, agents, ids, _VARIANTS, asked)
    found: list[Prompted] = []
    for position, task_id in enumerate(ids, start):
        task = tasks[task_id]
        if spread(position, ctx.experiment.sft.solo_share):
            found.append(Prompted(task, "solo", maker.make(task, ())))
        elif variants := list(sets.get(task_id, {}).values()):
            chosen = variants[stable_seed("sft variant", ctx.experiment.seed, task_id) % len(variants)]
            found.append(Prompted(task, "team", maker.make(task, chosen)))
    return found


def _shard(
    ctx: Context, part: int, prompted: list[Prompted], tasks: int, engine: Engine, grader: Grader, maker: PromptMaker
) -> None:
    settings, seed = ctx.experiment.sft, ctx.experiment.seed
    drafts = sample(ctx, part, prompted, engine, grader)
    dropped: Counter[str] = Counter({"no proposal of every agent": tasks - len(prompted)})
    chosen: list[tuple[Prompted, traces.Chosen]] = []
    for item, samples in zip(prompted, drafts, strict=True):
        share = stable_seed("backtrack", seed, item.task.task_id) / 2**31
        choice = traces.choose(samples, share < settings.backtrack_share)
        if isinstance(choice, str):
            dropped[choice] += 1
        else:
            chosen.append((item, choice))
    connectors = _connect(ctx, chosen, engine)
    built: list[tuple[Prompted, traces.Chosen, traces.Trace]] = []
    for (item, choice), connector in zip(chosen, connectors, strict=True):
        if connector is None:
            dropped["the leader wrote no usable connector"] += 1
        else:
            built.append((item, choice, traces.assemble(choice, connector, settings.mask_wrong)))
    verdicts = grader.grade_many([(item.task, trace.completion) for item, _, trace in built])
    rows: list[dict[str, Any]] = []
    for (item, choice, trace), verdict in zip(built, verdicts, strict=True):
        row = _row(item, trace, maker)
        limit = ctx.experiment.leader.max_context if ctx.experiment.leader else 0
        reason = traces.verify(trace, choice, verdict, settings.mask_wrong)
        if reason := reason or ("it is longer than leader.max_context" if row["tokens"] > limit else None):
            dropped[reason] += 1
        else:
            rows.append(row)
    # Before the part: a part that is there has its counts.
    ctx.writer.put(f"dropped/{part:06d}.json", json.dumps({k: v for k, v in dropped.items() if v}).encode())
    ctx.writer.write(part, rows)


def _connect(ctx: Context, chosen: list[tuple[Prompted, traces.Chosen]], engine: Engine) -> list[str | None]:
    """What joins the attempts of each trace; None where the leader wrote nothing that can be used."""
    if ctx.experiment.sft.connector == "template":
        return [traces.template(item.task, c.wrong, ctx.experiment.prompts) if c.wrong else "" for item, c in chosen]
    wanted = [(i, item, c.wrong) for i, (item, c) in enumerate(chosen) if c.wrong]
    leader, _ = _settings(ctx)
    requests = [
        Request(
            connector_prompt(item.task, wrong.reasoning, ctx.experiment.prompts),
            stable_seed("connector", wrong.draft_id),
            leader.system_prompt,
            leader.template,
        )
        for _, item, wrong in wanted
    ]
    texts = engine.generate(requests, Sampling(ctx.experiment.sft.temperature, 1.0, 96)) if requests else []
    connectors: list[str | None] = ["" for _ in chosen]
    for (i, _, _), made in zip(wanted, texts, strict=True):
        connectors[i] = traces.written(made.text)
    return connectors


def _row(item: Prompted, trace: traces.Trace, maker: PromptMaker) -> dict[str, Any]:
    return {
        "trace_id": stable_id(item.made.prompt, trace.completion),
        "task_id": item.task.task_id,
        "benchmark": item.task.benchmark,
        "kind": trace.kind,
        "mode": item.mode,
        "proposal_ids": item.made.proposal_ids,
        "prompt": item.made.prompt,
        "shortened": item.made.shortened or None,
        "completion": trace.completion,
        "completion_segments": [s._asdict() for s in trace.segments],
        "draft_ids": list(trace.draft_ids),
        "tokens": item.made.tokens + maker.count(trace.completion),
    }


def _replay(ctx: Context, part: int, kept: int, maker: PromptMaker) -> None:
    """Rows of the leader's own pre-training documents, so that they are `sft.replay_share` of all rows."""

    share = ctx.experiment.sft.replay_share
    if not share or part in ctx.writer.done():
        return
    forbidden = frozenset(normalise(row["question"]) for row in ctx.inputs["tasks"].rows(["question"]))
    n = round(kept * share / (1 - share))
    rows: list[dict[str, Any]] = []
    for i, (prompt, completion) in enumerate(replay_documents(ctx.experiment, n, ctx.experiment.seed, forbidden)):
        rows.append(
            {
                "trace_id": stable_id("replay", i, prompt, completion),
                "task_id": "",
                "benchmark": "procedural",
                "kind": "replay",
                "mode": "team" if "\n" in prompt else "solo",
                "proposal_ids": [],
                "prompt": prompt,
                "shortened": None,
                "completion": completion,
                "completion_segments": [{"text": completion, "train": True}],
                "draft_ids": [],
                "tokens": maker.count_prompt(prompt) + maker.count(completion),
            }
        )
    ctx.writer.write(part, rows)


def _reasons(ctx: Context, parts: int) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in range(parts):
        total.update(json.loads(ctx.writer.get(f"dropped/{part:06d}.json") or b"{}"))
    return dict(total.most_common())
