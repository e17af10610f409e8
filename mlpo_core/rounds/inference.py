"""Runs the T-round loop for every method that generates: leader and agents take turns, round by round.

In round 0 the agents' answers are the seed's proposals and the leader aggregates; in round t every agent revises its
own answer given what the others wrote, and the leader aggregates again. Tasks are taken in chunks, so that memory does
not grow with their number; within a chunk each model is started once a round, for all methods, seeds and tasks
together. One model's generations in one round are one part: the unit of resume.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from mlpo_core.context import Context
from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig, Leader
from mlpo_core.grading import Grader
from mlpo_core.judging import grader_of
from mlpo_core.judging.rows import judged_rows, judged_stats, part_name, put_judged
from mlpo_core.methods import Dialogue, selected
from mlpo_core.methods.deferral_leader import deferred_to
from mlpo_core.methods.evidence import samples_per_agent
from mlpo_core.models.locate import leader_tokenizer, locate
from mlpo_core.progress import track
from mlpo_core.prompts.budget import PromptMaker, too_long
from mlpo_core.proposals.sets import proposal_sets
from mlpo_core.rounds.contamination import check_disjoint
from mlpo_core.rounds.conversation import Conversations, Turn, seeds
from mlpo_core.rounds.latency import time_first_answers, time_turns
from mlpo_core.rounds.requests import leading, request_of, revising
from mlpo_core.store import Dataset
from mlpo_core.store.schemas import TRAINED
from mlpo_core.store.streaming import sums
from mlpo_core.tasks import read_tasks
from mlpo_core.tasks.index import TaskIndex, shards
from mlpo_core.types import Generation, Request, Task

CHUNK_ROWS = 16384
"""Generations of one model in one round, roughly: what a kill can cost."""


class Step(NamedTuple):
    """One model's turns in one round of a chunk: one part.

    Attributes:
        round: 0-based.
        agents: The agents behind the model; empty when the leader writes.
        leader: Asset of the leader's checkpoint; empty when agents write.
        last_agents: Whether this round's agents have all written after it.
        sampling: How it is sampled.
        votes: Whether the leader writes samples to vote on.
        open: Starts its engine.
    """

    round: int
    agents: tuple[str, ...]
    leader: str
    last_agents: bool
    sampling: Sampling
    votes: bool
    open: Callable[[], AbstractContextManager[Engine]]


def run(ctx: Context) -> dict[str, Any]:
    """Write the generations of every round; returns the manifest's stats."""
    leader = ctx.experiment.leader
    if leader is None:
        raise BadInput("leader: this experiment has none, so there are no rounds to run")
    trained = {name: data for name, data in ctx.inputs.items() if name in TRAINED}
    check_disjoint(trained, ctx.inputs["tasks"], ctx.store)
    tasks = list(read_tasks(ctx.inputs["tasks"], {"test"}).values())
    return rounds_on(ctx, leader, tasks, ctx.inputs["benchmark_proposals"])


def rounds_on(ctx: Context, leader: Leader, tasks: Sequence[Task], proposals: Dataset) -> dict[str, Any]:
    """Write the generations of every round on some tasks.

    Args:
        ctx: Of the stage.
        leader: Its leader's settings.
        tasks: The tasks.
        proposals: The agents' first answers to them.
    """
    agents = [a.name for a in ctx.experiment.team.agents]
    samples = samples_per_agent(proposals, [t.task_id for t in tasks], agents)
    dialogues, not_run = _dialogues(ctx, leader, samples)
    steps = list(_steps(ctx, leader, dialogues))
    written = sum(max(1, dialogue.votes) for dialogue in dialogues.values())
    per_task = max(1, written * len(ctx.experiment.benchmark.seeds))
    chunks = shards(tasks, max(1, CHUNK_ROWS // per_task)) if dialogues else []
    index = TaskIndex(proposals)
    maker = PromptMaker(leader_tokenizer(ctx, leader), leader, ctx.experiment.seed, ctx.experiment.prompts)
    start = partial(_start, ctx, maker, dialogues, index, samples)
    done = ctx.writer.done()
    timed = chunks[0][: ctx.experiment.benchmark.latency_tasks] if chunks else []
    pending = [i for i in range(len(chunks)) if any(i * len(steps) + s not in done for s in range(len(steps)))]
    for i in pending:
        _check_prompts(start(chunks[i]), steps, maker, leader)
    with grader_of(ctx) as grader:
        for i in track(pending, ctx.writer.asset, len(pending), "chunks"):
            conversations = start(chunks[i])
            for part, step in enumerate(track(steps, "rounds", len(steps), "steps"), i * len(steps)):
                _take(ctx, part, step, conversations, maker, leader, grader, () if i else timed)
    if timed:
        time_first_answers(ctx, timed)
    return {**_describe(ctx, range(len(chunks) * len(steps))), "not_run": not_run}


def _dialogues(ctx: Context, leader: Leader, samples: int) -> tuple[dict[str, Dialogue], dict[str, str]]:
    """The dialogues of the selected methods, and why the others cannot be run."""
    dialogues: dict[str, Dialogue] = {}
    not_run: dict[str, str] = {}
    for name, method in selected(ctx.experiment).items():
        dialogue = method.dialogue
        if dialogue is None:
            continue
        reason = method.unavailable(ctx.experiment, samples)
        if reason is None and ctx.experiment.engine_of(leader).kind == "recorded":
            reason = "not recorded"
        if reason is None and dialogue.leader and dialogue.leader not in ctx.inputs:
            reason = f"{dialogue.leader} is not part of this experiment"
        if reason:
            not_run[name] = reason
        else:
            dialogues[name] = dialogue
    return dialogues, not_run


def _steps(ctx: Context, leader: Leader, dialogues: dict[str, Dialogue]) -> Iterator[Step]:
    """The steps of a chunk, in order. Only those in which somebody has a turn."""
    experiment, base = ctx.experiment, ctx.inputs["base_models"]
    models: dict[tuple[str, str | None, bool, EngineConfig, Sampling], list[str]] = {}
    for agent in experiment.team.agents:
        if any(agent.name in d.seats and (d.greedy or d.rounds(experiment) > 1) for d in dialogues.values()):
            found = locate(base, agent.name)
            trust, own = agent.trust_remote_code, revising(experiment, agent)
            model = (found.model, found.revision, trust, experiment.engine_of(agent), own)
            models.setdefault(model, []).append(agent.name)
    leader_sampling = leading(experiment, leader)
    vote_sampling = leader_sampling._replace(temperature=experiment.inference.vote_temperature)
    for round_ in range(max((d.rounds(experiment) for d in dialogues.values()), default=0)):
        going = [d for d in dialogues.values() if d.rounds(experiment) > round_]
        talks = [d for d in going if d.greedy == (round_ == 0)]
        speaking = {
            model: tuple(n for n in names if any(n in d.seats for d in talks)) for model, names in models.items()
        }
        speaking = {model: names for model, names in speaking.items() if names}
        for model, names in speaking.items():
            path, revision, trust, engine, own = model
            sampling = own if round_ else own._replace(temperature=0.0)
            opener = partial(open_engine, engine, path, revision=revision, trust_remote_code=trust, answers=ctx.answers)
            yield Step(round_, names, "", model == list(speaking)[-1], sampling, False, opener)
        for asset, votes in dict.fromkeys((d.leader, d.votes > 0) for d in going if d.leader):
            sampling = vote_sampling if votes else leader_sampling
            yield Step(round_, (), asset, False, sampling, votes, partial(_open_leader, ctx, leader, asset))


def _open_leader(ctx: Context, leader: Leader, asset: str) -> Engine:
    if asset == "base_models":
        model, revision = locate(ctx.inputs["base_models"], "leader")
    else:
        model, revision = str(ctx.inputs[asset].local_folder("checkpoint")), None
    engine = ctx.experiment.engine_of(leader)
    return open_engine(engine, model, revision=revision, trust_remote_code=leader.trust_remote_code)


def _start(
    ctx: Context,
    maker: PromptMaker,
    dialogues: dict[str, Dialogue],
    index: TaskIndex,
    samples: int,
    tasks: Sequence[Task],
) -> Conversations:
    """The conversations of a chunk before anybody has written."""
    experiment = ctx.experiment
    drawn = {
        d.sample(s, i, samples) for d in dialogues.values() for s in seeds(experiment) for i in range(len(d.seats))
    }
    agents = [a.name for a in experiment.team.agents]
    limit = max(drawn, default=-1) + 1
    proposals = proposal_sets(index, agents, [t.task_id for t in tasks], limit)
    return Conversations(experiment, maker, dialogues, tasks, proposals, samples)


def _check_prompts(conversations: Conversations, steps: Sequence[Step], maker: PromptMaker, leader: Leader) -> None:
    """Refuse leader prompts that are too long before anything is generated, as far as they are known: in round 0."""
    for step in steps:
        if step.leader and step.round == 0:
            _check_lengths(list(conversations.leader_turns(0, step.leader, step.votes)), maker, leader)


def _check_lengths(turns: Sequence[Turn], maker: PromptMaker, leader: Leader) -> None:
    tokens = {prompt: maker.count_prompt(prompt) for prompt in dict.fromkeys(t.prompt for t in turns)}
    for turn in turns:
        if tokens[turn.prompt] > leader.max_context - leader.max_new_tokens:
            raise too_long(turn.task, tokens[turn.prompt], leader)


def _take(
    ctx: Context,
    part: int,
    step: Step,
    conversations: Conversations,
    maker: PromptMaker,
    leader: Leader,
    grader: Grader,
    timed: Sequence[Task],
) -> None:
    """Make a step's generations, or read them back, and let everybody hear them; time those on the tasks `timed`."""
    if step.leader:
        turns = list(conversations.leader_turns(step.round, step.leader, step.votes))
    else:
        turns = list(conversations.agent_turns(step.round, step.agents))
    if part in ctx.writer.done():
        rows = ctx.writer.part(part).to_pylist()
    else:
        if step.leader:
            _check_lengths(turns, maker, leader)
        requests = [request_of(ctx.experiment, turn, step.sampling) for turn in turns]
        with step.open() as engine:
            rows = _graded(ctx, part, turns, _generate(requests, step.sampling, engine), grader)
            if timed:
                time_turns(ctx, part, turns, requests, timed, step.sampling, engine)
        ctx.writer.write(part, rows)
    by_id = {row["generation_id"]: row for row in rows}
    for turn in turns:
        conversations.hear(turn, by_id[turn.id])
    if step.last_agents:
        conversations.end_agents_turn()


def _generate(requests: Sequence[Request], sampling: Sampling, engine: Engine) -> list[Generation]:
    """One generation per request. Greedy ones that read the same are generated once: they would write the same."""
    distinct = list(dict.fromkeys(requests))
    made = dict(zip(distinct, engine.generate(distinct, sampling), strict=True))
    return [made[request] for request in requests]


def _graded(
    ctx: Context, part: int, turns: Sequence[Turn], generations: Sequence[Generation], grader: Grader
) -> list[dict[str, Any]]:
    """The rows of a part; what a judge said of them is written."""
    texts = [g.text.encode("utf-8", "replace").decode() for g in generations]  # half characters fit no file
    graded = [deferred_to(text, t.answers) if t.answers else text for t, text in zip(turns, texts, strict=True)]
    verdicts = grader.grade_many([(turn.task, text) for turn, text in zip(turns, graded, strict=True)])
    judged = judged_rows([turn.id for turn in turns], [turn.task for turn in turns], verdicts)
    put_judged(ctx.writer, part_name(part), judged)
    return [
        {
            **generation._asdict(),
            "generation_id": turn.id,
            "method": turn.name,
            "seed": turn.seed,
            "task_id": turn.task.task_id,
            "round": turn.round,
            "role": turn.role,
            "agent": turn.agent,
            "input_ids": turn.input_ids,
            "shortened": turn.shortened or None,
            "response": text,
            "extracted": verdict.extracted,
            "correct": verdict.correct,
        }
        for turn, generation, text, verdict in zip(turns, generations, texts, verdicts, strict=True)
    ]


def _describe(ctx: Context, parts: Sequence[int]) -> dict[str, Any]:
    """Counts and speed, and how often each method's leader or agents were right in every round."""

    def batches() -> Iterator[pa.RecordBatch]:
        for part in parts:
            yield from ctx.writer.part(part).to_batches()

    shortened = Counter[str]()
    for part in parts:
        column = ctx.writer.part(part)["shortened"]
        shortened.update(how.partition(":")[0] for how in column.drop_null().to_pylist())
    totals = sums(batches(), ("method", "role", "round"), ("correct", "completion_tokens", "amortised_s")).to_pylist()
    accuracy: dict[str, dict[str, float]] = {}
    for row in totals:
        accuracy.setdefault(f"{row['method']}, {row['role']}", {})[f"T={row['round'] + 1}"] = round(
            row["correct"] / row["n"], 4
        )
    seconds = sum(row["amortised_s"] or 0.0 for row in totals)
    tokens = sum(row["completion_tokens"] for row in totals)
    headline = {
        "generations": sum(row["n"] for row in totals),
        "completion_tokens": tokens,
        "completion_tokens_per_s": round(tokens / seconds, 1) if seconds else 0.0,
        "rounds": ctx.experiment.inference.rounds,
    }
    if shortened:
        headline["leader_prompts_shortened"] = shortened.total()
    stats = {"headline": headline, "accuracy_by_round": accuracy, "shortened": dict(shortened)}
    return {**stats, **judged_stats(ctx.writer, map(part_name, parts))}
