"""How long one query takes: the median and the 95th percentile of every method that generates, per T."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from mlpo_core.benchmark.costs import NOT_RECORDED
from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.experiment import RECORDED, Experiment
from mlpo_core.methods import Method, all_methods, selected
from mlpo_core.methods.leaders import Led
from mlpo_core.methods.single import Single
from mlpo_core.rounds.latency import Timed

NOT_MEASURED = "not measured"
_PERCENTILES = {"median": 50, "p95": 95}
_LEADER = "leader"


_Taken = Mapping[tuple[str, int, str], Mapping[str, float]]
"""Seconds by task, of everything that an agent or the leader wrote in one round under one name."""


def latency(ways: Iterable[Way], experiment: Experiment, timed: Iterable[Timed]) -> Iterator[Metric]:
    """The table `latency`: everything that has to be written for an answer after T rounds, one query after the other.

    The members of a team are counted one after the other too, as on one device. A vote over samples that were taken
    for another purpose has no row.

    Args:
        ways: What was answered with.
        experiment: Names the methods and the team.
        timed: What `team_rounds` measured.
    """
    taken: defaultdict[tuple[str, int, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for answer in timed:
        taken[answer.name, answer.round, answer.agent][answer.task_id] += answer.seconds
    recorded = {a.name for a in experiment.team.agents if a.model.startswith(RECORDED)}
    methods = all_methods(experiment) | selected(experiment)
    for way in ways:
        method = methods.get(way.method)
        seats = _seats(method) if method else None
        if method is None or seats is None:
            continue
        pieces = list(_pieces(method, seats, max(1, way.rounds), taken))
        tasks = set[str].intersection(*map(set, pieces))
        reason = NOT_RECORDED if recorded & set(seats) else "" if tasks else NOT_MEASURED
        seconds = [sum(piece[task] for piece in pieces) for task in sorted(tasks)] if not reason else []
        for metric, percentile in _PERCENTILES.items():
            found = float(np.percentile(seconds, percentile)) if seconds else None
            yield Metric(
                "latency", ALL, way.method, metric, n=len(seconds), group=way.group, note=reason, seconds=found
            )


def _seats(method: Method) -> tuple[str, ...] | None:
    """The agents whose first answers it needs; None where nothing is generated for it."""
    if isinstance(method, Single):
        return (method.agent,)
    return method.dialogue.seats if method.dialogue else None


def _pieces(method: Method, seats: tuple[str, ...], rounds: int, taken: _Taken) -> Iterator[Mapping[str, float]]:
    """Seconds by task of every step on the way to the answer."""
    dialogue = method.dialogue
    own = dialogue.talk if dialogue and dialogue.greedy else ""
    yield from (taken[own, 0, agent] for agent in seats)
    if dialogue is None:
        return
    for round_ in range(1, rounds):
        yield from (taken[dialogue.talk, round_, agent] for agent in dict.fromkeys(seats))
    every = not isinstance(method, Led) or method.every_call
    if dialogue.leader:
        last = max(rounds, dialogue.attempts)
        yield from (taken[method.name, round_, _LEADER] for round_ in range(0 if every else last - 1, last))
