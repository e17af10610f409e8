"""Advice as text: what was measured on dev tasks, every way of answering with its gain and cost, and what to do."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mlpo_core.advice.costs import Cost, Costs
from mlpo_core.advice.gain import Gain, Right, gain
from mlpo_core.advice.leader import Share
from mlpo_core.advice.rounds import Rounds
from mlpo_core.advice.rules import CANNOT, LEADER, NOT_MEASURED, ROUNDS, VOTE, WEIGHTED, Option
from mlpo_core.advice.votes import Votes
from mlpo_core.benchmark.accuracy import interval_of
from mlpo_core.benchmark.report.lookup import dollars


class Found(NamedTuple):
    """All that was measured.

    Attributes:
        experiment: Its name.
        k: Agents.
        votes: On dev tasks.
        rounds: On them, if there are any.
        solo: Skill of the leader alone, if measured.
        signal: Share of groups that teach it, if measured.
        costs: Of one question.
        ways: Of `mlpo_core.advice.rules.options`.
        best: What is advised.
        missing: By what was not measured: the command that would, or why none can.
    """

    experiment: str
    k: int
    votes: Votes
    rounds: Rounds | None
    solo: Share | None
    signal: Share | None
    costs: Costs
    ways: Sequence[Option]
    best: Option
    missing: Mapping[str, str]


def page(found: Found) -> str:
    """The whole of it."""
    votes = found.votes
    head = (
        f"{found.experiment}: measured on {len(votes.tasks):,} dev tasks, votes fitted on {votes.fitted_on:,} train "
        "tasks; no test task was looked at. 95 % intervals"
    )
    blocks = [[head], _facts(found), _ways(found), _advice(found)]
    if found.missing:
        together: dict[str, list[str]] = {}
        for what, how in found.missing.items():
            together.setdefault(how, []).append(what)
        blocks.append(["not measured:", *(f"  {', '.join(what)}: {how}" for how, what in together.items())])
    return "\n\n".join("\n".join(block) for block in blocks)


def _facts(found: Found) -> list[str]:
    votes, rounds = found.votes, found.rounds
    facts = {
        "two agents agree": f"on {100 * votes.agreement:.1f} % of tasks, all on {100 * votes.unanimous:.1f} %",
        "best single agent": f"{_share(votes.single)}, {votes.best}, picked on train",
        "vote": _share(votes.vote),
        "weighted vote": _share(votes.weighted),
        "shallow_aggregator": f"{_share(votes.learned)}, the most that is learned without reading",
        "any right": _share(votes.any_right),
        "gap from vote to any right": str(gain(votes.any_right, votes.vote)),
        "leader alone": str(found.solo or NOT_MEASURED),
        "groups with signal": str(found.signal or NOT_MEASURED),
    }
    if rounds:
        facts["trained leader alone"] = _share(rounds.alone)
        facts["trained leader and team"] = _share(rounds.first_round)
    facts["gain of agents that revise"] = NOT_MEASURED
    if rounds and rounds.revised is not None:
        facts["gain of agents that revise"] = f"{gain(rounds.revised, rounds.proposed)}, from {_share(rounds.proposed)}"
        facts[f"trained leader after T={rounds.last}"] = _share(rounds.last_round)
    width = max(map(len, facts))
    return [f"{name:{width}}  {text}" for name, text in facts.items()]


def _share(right: Right) -> str:
    value, low, high = interval_of(right)
    return f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _ways(found: Found) -> list[str]:
    costs = {VOTE: found.costs.vote, WEIGHTED: found.costs.vote, LEADER: found.costs.leader, ROUNDS: found.costs.rounds}
    rows = [("way", "gain over the vote", "tokens", "dollars", "")]
    rows += [(way.name, _gain(way), *_cost(costs[way.name]), way.verdict) for way in found.ways]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    align: Sequence[Callable[[str, int], str]] = (str.ljust, str.ljust, str.rjust, str.rjust, str.ljust)
    table = ["  ".join(put(cell, n) for put, cell, n in zip(align, row, widths, strict=True)).rstrip() for row in rows]
    return [*table, "tokens and dollars: of one question, as `mlpo plan` estimates them"]


def _gain(way: Option) -> str:
    if way.gain is None:
        return "–"
    return f"{way.gain} as learned votes, up to {_points(way.most)}" if way.most else str(way.gain)


def _cost(cost: Cost | None) -> tuple[str, str]:
    if cost is None:
        return "–", "–"
    return f"{cost.tokens:,.0f}", "–" if cost.dollars is None else dollars(cost.dollars)


def _advice(found: Found) -> list[str]:
    best, votes = found.best, found.votes
    if best.gain is None:
        lines = ["advice: vote. Nothing that was measured beats it beyond doubt"]
    elif best.most:
        lines = [
            f"advice: {best.name}: {best.gain} over the vote at least, {_points(best.most)} at most by choosing well",
            "  shallow_aggregator (benchmark.methods) gains the former without a leader",
        ]
    else:
        lines = [f"advice: {best.name}: {best.gain} over the vote"]
    leader = next(way for way in found.ways if way.name == LEADER)
    if leader.most and best is not leader:
        if leader.verdict == CANNOT:
            why = "no agent is right where the vote is wrong" if leader.most.high <= 0 else "no group has signal"
            lines.append(f"  a leader cannot pay: {why}")
        else:
            lines.append(
                f"  a leader that reads may gain up to {_points(leader.most)} over the vote; that it does is not shown"
            )
    if best.right is not None and found.k > 1:
        alone = gain(votes.single, best.right)
        if alone.high >= 0:
            lines.append(f"  {votes.best} alone, a call instead of {found.k}: {alone} against that")
    return lines


def _points(found: Gain) -> str:
    return f"{100 * found.mean:.1f} points"
