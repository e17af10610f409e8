"""What more agents bring: accuracy over K, how alike the agents err, and what each of them adds to a vote."""

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.statistics import wilson
from mlpo_core.benchmark.team_votes import Answered, Votes, read_answers, votes
from mlpo_core.store import Dataset
from mlpo_core.store.streaming import sums
from mlpo_core.types import stable_seed

BEST, RANDOM, SINGLE = "vote of the best K", "vote of K at random", "best single model"
ANY_BEST, ANY_RANDOM = "any of the best K right", "any of K at random right"
SMALLEST = 3
"""Agents from which on there is a vote worth looking at."""
_ALL_ORDERS, _ORDERS = 5, 200
"""Teams of up to so many agents are joined in every order, larger ones in so many orders drawn at random."""
_SPREAD = (5, 95)
"""Percentiles of the random teams that are shown."""


def over_k(tasks: Dataset, proposals: Dataset, predictions: Dataset, agents: Sequence[str]) -> Iterator[Metric]:
    """The tables `over_k`, `correlation` and `gain`; nothing for fewer than three agents or without their answers.

    Args:
        tasks: All tasks.
        proposals: The team's answers to train and dev tasks, which say who is best.
        predictions: With `single:<agent>` for every agent.
        agents: Names, in the team's order.
    """
    answered = read_answers(tasks, predictions, agents) if len(agents) >= SMALLEST else None
    if answered is None:
        return
    ranked = _ranked(proposals, agents)
    orders = _orders(len(agents))
    teams = {tuple(sorted(order[:k])) for order in [*orders, ranked] for k in range(1, len(agents) + 1)}
    position = {team: i for i, team in enumerate(sorted(teams))}
    members = np.zeros((len(position), len(agents)), np.bool_)
    for team, i in position.items():
        members[i, list(team)] = True
    found = votes(answered, members)
    yield from _sizes(answered, found, position, ranked, orders)
    yield from _correlation(answered, agents)
    yield from _gains(answered, found, position, orders, agents)


def _ranked(proposals: Dataset, agents: Sequence[str]) -> tuple[int, ...]:
    """Agents by their accuracy on dev tasks, best first; on train tasks where there are no dev tasks."""
    counts = sums(proposals.batches(["agent", "split", "correct"]), ["split", "agent"], ["correct"]).to_pylist()
    dev = [row for row in counts if row["split"] == "dev"] or counts
    share = {row["agent"]: row["correct"] / row["n"] for row in dev}
    return tuple(sorted(range(len(agents)), key=lambda i: -share.get(agents[i], 0.0)))


def _orders(k: int) -> list[tuple[int, ...]]:
    """In which agents join: every order, or some at random."""
    if k <= _ALL_ORDERS:
        return list(permutations(range(k)))
    draws = np.random.default_rng(stable_seed("orders", k))
    return [tuple(draws.permutation(k).tolist()) for _ in range(_ORDERS)]


Positions = dict[tuple[int, ...], int]


def _sizes(
    answered: Answered, found: Votes, position: Positions, ranked: tuple[int, ...], orders: list[tuple[int, ...]]
) -> Iterator[Metric]:
    n, single = len(answered.codes), float(found.accuracy[position[ranked[:1]]])
    for k in range(1, len(ranked) + 1):
        best = position[tuple(sorted(ranked[:k]))]
        at = [position[team] for team in sorted({tuple(sorted(order[:k])) for order in orders})]
        for name, values in ((BEST, found.accuracy), (ANY_BEST, found.any_right)):
            value = float(values[best])
            yield Metric("over_k", ALL, name, "accuracy", value, *wilson(round(value * n), n), n=n, group=str(k))
        for name, values in ((RANDOM, found.accuracy), (ANY_RANDOM, found.any_right)):
            low, high = np.percentile(values[at], _SPREAD).tolist()
            value, note = float(values[at].mean()), f"{len(at)} teams"
            yield Metric("over_k", ALL, name, "accuracy", value, low, high, n=n, group=str(k), note=note)
        yield Metric("over_k", ALL, SINGLE, "accuracy", single, n=n, group=str(k))


def _correlation(answered: Answered, agents: Sequence[str]) -> Iterator[Metric]:
    """Of being wrong, for every two agents: 1 where they fail on the same tasks, 0 where independently."""
    wrong = (~answered.correct).astype(float)
    spread = wrong.std(axis=0)
    for i, first in enumerate(agents):
        for j, second in enumerate(agents[:i]):
            if spread[i] and spread[j]:
                together = float(((wrong[:, i] - wrong[:, i].mean()) * (wrong[:, j] - wrong[:, j].mean())).mean())
                value = together / float(spread[i] * spread[j])
                yield Metric("correlation", ALL, first, "error_correlation", value, n=len(wrong), versus=second)


def _gains(
    answered: Answered, found: Votes, position: Positions, orders: list[tuple[int, ...]], agents: Sequence[str]
) -> Iterator[Metric]:
    """What the vote gains where an agent joins a team: mean over teams of one to all others, each size alike."""
    values = np.concatenate([found.accuracy[None], found.by_subject])
    gain, joined = np.zeros((len(agents), len(values))), np.zeros(len(agents))
    for order in orders:
        at = [position[tuple(sorted(order[:k]))] for k in range(1, len(order) + 1)]
        for before, after, agent in zip(at, at[1:], order[1:], strict=False):
            gain[agent] += values[:, after] - values[:, before]
            joined[agent] += 1
    names, counts = np.unique(answered.subjects.astype(str), return_counts=True)
    for i, agent in enumerate(agents):
        for name, n, value in zip(["", *names], [len(answered.codes), *counts], gain[i] / joined[i], strict=True):
            yield Metric("gain", ALL, agent, "gain", float(value), n=int(n), group=str(name))
