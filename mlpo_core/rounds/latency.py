"""Times queries one at a time, in a pass of its own: what somebody who asks once waits for, which no batch shows.

Done by `team_rounds` while it has the engines open, and kept beside its rows: a measured time is no content, so these
files are in no digest.
"""

import json
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mlpo_core.context import Context
from mlpo_core.engines import Engine, Sampling
from mlpo_core.progress import log
from mlpo_core.proposals.workload import first_request, members, open_member
from mlpo_core.rounds.conversation import Turn
from mlpo_core.store import Dataset
from mlpo_core.types import Request, Task

_FOLDER = "latency"


class Timed(NamedTuple):
    """How long one answer took.

    Attributes:
        name: Method, or the talk that methods share; empty for an agent's first answer.
        task_id: The task.
        round: 0-based.
        agent: Agent name, or `leader`.
        seconds: Of the query, alone on the engine. A leader that votes writes all its samples in one.
    """

    name: str
    task_id: str
    round: int
    agent: str
    seconds: float


def time_turns(
    ctx: Context,
    part: int,
    turns: Sequence[Turn],
    requests: Sequence[Request],
    tasks: Sequence[Task],
    sampling: Sampling,
    engine: Engine,
) -> None:
    """Time a step's turns on some tasks, of the first evaluation seed."""
    chosen, seed = {task.task_id for task in tasks}, ctx.experiment.benchmark.seeds[0]
    queries: dict[tuple[str, str, int, str, int], list[Request]] = {}
    for turn, request in zip(turns, requests, strict=True):
        if turn.seed == seed and turn.task.task_id in chosen:
            seat = turn.seat if turn.role == "agent" else -1
            queries.setdefault((turn.name, turn.task.task_id, turn.round, turn.agent, seat), []).append(request)
    seconds = _seconds(engine, list(queries.values()), sampling)
    _put(ctx, f"part-{part:06d}", [Timed(*query[:4], s) for query, s in zip(queries, seconds, strict=True)])


def time_first_answers(ctx: Context, tasks: Sequence[Task]) -> None:
    """Time every agent's first answer to some tasks, unless an interrupted run has."""
    if ctx.writer.get(_name("proposals")) is not None:
        return
    found: list[Timed] = []
    for member in members(ctx):
        queries = [[first_request(ctx.experiment, member.agent, task, ctx.experiment.seed)] for task in tasks]
        with open_member(ctx, member) as engine:
            seconds = _seconds(engine, queries, member.sampling)
        found += [Timed("", t.task_id, 0, member.agent.name, s) for t, s in zip(tasks, seconds, strict=True)]
    _put(ctx, "proposals", found)
    log(f"{ctx.writer.asset}: timed {len(tasks)} tasks, one query at a time")


def read_latency(rounds: Dataset) -> Iterator[Timed]:
    """What was timed beside a version of `team_rounds`; nothing where `benchmark.latency_tasks` was 0."""
    for name in rounds.manifest.files:
        if name.startswith(f"{_FOLDER}/"):
            yield from (Timed(*row) for row in json.loads(rounds.read_file(name)))


def _seconds(engine: Engine, queries: Sequence[list[Request]], sampling: Sampling) -> list[float]:
    """Wall seconds of every query. The first is made once before, for what an engine does only once."""
    found: list[float] = []
    for query in [*queries[:1], *queries]:
        began = time.perf_counter()
        engine.generate(query, sampling)
        found.append(time.perf_counter() - began)
    return found[1:]


def _put(ctx: Context, name: str, rows: Sequence[Timed]) -> None:
    ctx.writer.put(_name(name), json.dumps(rows).encode())


def _name(name: str) -> str:
    return f"{_FOLDER}/{name}.json"
