"""Makes the leader prompts of reinforcement learning: a task and the j-th sample of every agent, for every variant j.

At `mlpo.solo_share` a variant's prompt shows no team; `mlpo.mix` leaves prompts out. Dev rows, a team and a solo prompt
per task, give the training curves; neither the filter nor the mix applies to them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.mlpo import mix, seats
from mlpo_core.models.locate import leader_tokenizer
from mlpo_core.progress import log, track
from mlpo_core.prompts.budget import LeaderPrompt, PromptMaker, Proposal
from mlpo_core.proposals.sets import hard_train_tasks, proposal_sets, spread
from mlpo_core.tasks import cards, read_tasks
from mlpo_core.tasks.index import TaskIndex, shards
from mlpo_core.types import Task, stable_id, stable_seed

_SHARD_PROPOSALS = 16384
"""Proposals held at once, so that memory does not grow with the number of tasks."""


def run(ctx: Context) -> dict[str, Any]:
    """Write the prompts shard by shard; returns the manifest's stats."""
    leader = ctx.experiment.leader
    if leader is None:
        raise BadInput("leader: this experiment has none, so it has no leader prompts")
    settings = ctx.experiment.mlpo
    tasks = read_tasks(ctx.inputs["tasks"], {"train", "dev"})
    hard = hard_train_tasks(ctx, tasks)
    dev = sorted((t for t in tasks if tasks[t].split == "dev"), key=lambda t: stable_id("dev", ctx.experiment.seed, t))
    index = TaskIndex(ctx.inputs["agent_proposals"])
    maker = PromptMaker(leader_tokenizer(ctx, leader), leader, ctx.experiment.seed, ctx.experiment.prompts)
    agents = [a.name for a in ctx.experiment.team.agents]
    asked = {a.name: a.asked(ctx.experiment.proposals.samples_per_agent) for a in ctx.experiment.team.agents}
    variants = settings.variants or max(asked.values())
    size = max(1, _SHARD_PROPOSALS // (variants * len(agents)))
    train = shards(hard, size)
    mixed: mix.Drawn | None = None
    if settings.mix:
        sets_of = (proposal_sets(index, agents, ids, variants, asked) for ids in train)
        mixed = mix.draw(settings.mix, ctx.experiment.seed, _candidates(ctx, sets_of))
        log(f"mlpo_dataset: {mixed}")
    work = [*((s, variants) for s in train), *((s, 1) for s in shards(dev[: settings.eval_prompts], size))]
    done = ctx.writer.done()
    for part, (ids, limit) in enumerate(track(work, "mlpo_dataset", len(work), "shards")):
        if part in done:
            continue
        sets = proposal_sets(index, agents, ids, limit, asked)
        rows: list[dict[str, Any]] = []
        for task_id in ids:
            rows.extend(_rows(ctx, tasks[task_id], sets.get(task_id, {}), maker, mixed))
        if settings.asks_team:  # before the part: a part that is there has its seats
            seats.write(ctx.writer, part, _seats(rows, tasks, sets))
        ctx.writer.write(part, rows)
    return _describe(ctx, len(work), len(hard), variants, mixed)


def _rows(
    ctx: Context, task: Task, sets: dict[int, list[Proposal]], maker: PromptMaker, mixed: mix.Drawn | None
) -> Iterator[dict[str, Any]]:
    solo = maker.make(task, ())
    if task.split == "dev":
        for j, proposals in sets.items():
            yield _row(task, j, maker.make(task, proposals))
        yield _row(task, -1, solo)
        return
    for j, alone in _variants(ctx, task.task_id, sets):
        if mixed and mix.Slot(task.task_id, j) not in mixed.slots:
            continue
        if alone:
            yield _row(task, -1, solo, j)
        else:
            yield _row(task, j, maker.make(task, sets[j]))


def _variants(ctx: Context, task_id: str, variants: Iterable[int]) -> Iterator[tuple[int, bool]]:
    """The variants of a training task, and whether the prompt of each shows no team."""
    # A start that differs by task, or a share below 1 / variants would never reach a task.
    start = stable_seed("solo", ctx.experiment.seed, task_id) % 1000
    for position, j in enumerate(variants, start):
        yield j, spread(position, ctx.experiment.mlpo.solo_share)


def _candidates(
    ctx: Context, shards: Iterable[Mapping[str, Mapping[int, Sequence[Proposal]]]]
) -> Iterator[tuple[mix.Slot, str]]:
    """Every training prompt that could be made, with its class."""
    for sets_of in shards:
        for task_id, sets in sets_of.items():
            for j, alone in _variants(ctx, task_id, sets):
                yield mix.Slot(task_id, j), mix.SOLO if alone else mix.kind(sets[j])


def _seats(
    rows: list[dict[str, Any]], tasks: Mapping[str, Task], sets: Mapping[str, Mapping[int, list[Proposal]]]
) -> Iterator[dict[str, Any]]:
    """What later rounds of the team prompts of training start from."""
    for row in rows:
        if row["split"] == "train" and row["mode"] == "team":
            yield seats.entry(row["prompt_id"], tasks[row["task_id"]], sets[row["task_id"]][row["variant"]])


def _row(task: Task, variant: int, made: LeaderPrompt, slot: int = 0) -> dict[str, Any]:
    """`slot` tells a task's solo prompts apart: they stand where team prompts would."""
    return {
        "prompt_id": stable_id("prompt", task.task_id, made.proposal_ids, slot),
        "task_id": task.task_id,
        "benchmark": task.benchmark,
        "split": task.split,
        "variant": variant,
        "mode": "solo" if variant < 0 else "team",
        "proposal_ids": made.proposal_ids,
        "prompt": made.prompt,
        "prompt_tokens": made.tokens,
        "shortened": made.shortened or None,
        "n_correct_shown": made.n_correct,
        "answer": task.answer,
        "answer_kind": task.answer_kind,
        "choices": list(task.choices),
        "subject": task.subject,
        "question": task.question,
    }


def _describe(ctx: Context, parts: int, hard: int, variants: int, mixed: mix.Drawn | None) -> dict[str, Any]:
    rows: Counter[str] = Counter()
    benchmarks: Counter[str] = Counter()
    right: Counter[int] = Counter()
    tokens: list[int] = []
    shortened: Counter[str] = Counter()
    examples: list[tuple[str, str]] = []
    train_tasks: set[str] = set()
    for part in range(parts):
        for row in ctx.writer.part(part).to_pylist():
            rows[f"{row['split']} {row['mode']}"] += 1
            if row["shortened"]:
                shortened[row["shortened"].partition(":")[0]] += 1
            if row["split"] != "train":
                continue
            benchmarks[row["benchmark"]] += 1
            tokens.append(row["prompt_tokens"])
            train_tasks.add(row["task_id"])
            if row["mode"] == "team":
                right[row["n_correct_shown"]] += 1
            if len(examples) < 3 and row["mode"] == "team":
                examples.append((f"{row['task_id']}, variant {row['variant']}, gold {row['answer']}", row["prompt"]))
    if not tokens:
        raise BadInput(
            "agent_proposals: no kept training task has a sample of every agent, so there is no leader prompt to make. "
            "Make agent_proposals again"
        )
    contamination = cards.contamination(ctx.inputs["tasks"], train_tasks)
    settings = ctx.experiment.mlpo
    card = cards.Card(
        "mlpo_dataset",
        "Leader prompts for reinforcement learning: a task and one proposal of every agent.",
        {
            "Rows": dict(sorted(rows.items())),
            "Training rows by benchmark": dict(sorted(benchmarks.items())),
            "Right proposals shown (training, team)": {str(k): v for k, v in sorted(right.items())},
            **({"Mix: team prompts there were": mixed.there, "Mix: drawn": mixed.drawn} if mixed else {}),
            "Prompt tokens (training)": cards.distribution(tokens),
            "Prompts shortened to fit": dict(shortened),
            "Tasks": {"kept by the filter": hard, "with a prompt": len(train_tasks)},
            "Sampling": {
                "variants per task": variants,
                "solo share": settings.solo_share,
                "shown of a proposal": ctx.experiment.leader.information if ctx.experiment.leader else "",
            },
            "Contamination": contamination,
        },
        examples,
    )
    ctx.writer.put("card.md", card.markdown().encode())
    headline: dict[str, Any] = {
        "train_prompts": len(tokens),
        "dev_prompts": rows["dev team"] + rows["dev solo"],
        "tasks": len(train_tasks),
        "longest_prompt_tokens": max(tokens),
    }
    if mixed:
        headline |= mixed.drawn
    if shortened:
        headline["prompts_shortened"] = shortened.total()
    return {"headline": headline, **card.sections}
