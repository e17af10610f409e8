"""What one question costs in every way of answering it, as `mlpo plan` has it: tokens, and dollars of endpoints."""

from collections.abc import Mapping
from typing import NamedTuple

from mlpo_core.chain.bills import bills
from mlpo_core.chain.lengths import lengths_of
from mlpo_core.experiment import Experiment
from mlpo_core.methods.adaptive import TEAM
from mlpo_core.methods.leaders import led

_REVISION_READS = 2
"""Answers in the prompt of a revision: the agent's own and the leader's."""


class Cost(NamedTuple):
    """Of one question: tokens read and written, and dollars where an agent's endpoint has a price."""

    tokens: float
    dollars: float | None


class Costs(NamedTuple):
    """Of every way.

    Attributes:
        vote: An answer of every agent.
        leader: The same, and a leader that reads them once.
        rounds: The same over all rounds of the experiment; None where there is one.
    """

    vote: Cost
    leader: Cost
    rounds: Cost | None


def costs(experiment: Experiment, tasks: Mapping[str, float]) -> Costs:
    """Estimate them.

    Args:
        experiment: Has team, prices and rounds.
        tasks: Their number by benchmark.

    Raises:
        BadInput: Questions of one's own cannot be read.
    """
    lengths, most = lengths_of(experiment), experiment.proposals.max_new_tokens

    def call(benchmark: str, shown: int) -> tuple[float, float]:
        return lengths[benchmark].read(shown, most), lengths[benchmark].written(most)

    def tokens(shown: int) -> float:
        """Of one call, mean over tasks."""
        return sum(n * sum(call(benchmark, shown)) for benchmark, n in tasks.items()) / sum(tasks.values())

    k, team = experiment.k, tuple(agent.name for agent in experiment.team.agents)
    vote = f"majority_vote@{k}"
    asked = experiment.benchmark.model_copy(update={"methods": (vote, TEAM)})
    billed = bills(experiment.model_copy(update={"benchmark": asked}), tasks, call)
    dollars = {bill.method: bill.answer for bill in billed}
    again = led("mlpo_leader", team).dialogue.rounds(experiment) - 1
    first, leads = k * tokens(0), tokens(k)
    whole = first + leads + again * (k * tokens(_REVISION_READS) + leads)
    return Costs(
        Cost(first, dollars.get(vote)),
        Cost(first + leads, dollars.get(vote)),
        Cost(whole, dollars.get(TEAM)) if again else None,
    )
