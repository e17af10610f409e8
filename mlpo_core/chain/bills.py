"""What every method of the benchmark will cost in dollars, by the prices of the agents' endpoints.

The calls behind an answer are those that the report counts (`mlpo_core.benchmark.dollars`), each at its mean length.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mlpo_core.chain.stages import STAGES
from mlpo_core.experiment import Experiment
from mlpo_core.methods import Dialogue, Method, all_methods, selected
from mlpo_core.methods.adaptive import Adaptive
from mlpo_core.methods.best_of_team import BestOfTeam
from mlpo_core.methods.family_router import FamilyRouter
from mlpo_core.methods.first_agents import FirstAgents
from mlpo_core.methods.leaders import led
from mlpo_core.methods.majority_vote import MajorityVote
from mlpo_core.methods.select_llm import SelectLLM
from mlpo_core.methods.single import Single

Tokens = Callable[[str, int], tuple[float, float]]
"""Read and written by one call: of a benchmark, with so many answers in its prompt."""


class Bill(NamedTuple):
    """The dollars of one method.

    Attributes:
        method: Full name.
        answer: Dollars of one answer, all its rounds included; None where what it asks is known to its own code only.
        benchmark: Dollars of its answers to all test tasks and seeds, if nothing else is run: a call that several
            seeds share counts once.
        note: How exact that is; empty where only lengths are estimated.
    """

    method: str
    answer: float | None
    benchmark: float | None
    note: str = ""


class _Calls(NamedTuple):
    """Calls to agents behind one answer.

    Attributes:
        first: By agent, those whose prompt is the task.
        later: By agent, revisions.
        read: Answers in the prompt of a revision.
        samples: Different first answers of an agent that there are: seeds beyond them share.
        share: Of the calls, how many are made.
        note: Of the bill.
    """

    first: Mapping[str, float]
    later: Mapping[str, float]
    read: int
    samples: int
    share: float = 1.0
    note: str = ""


def bills(experiment: Experiment, test: Mapping[str, float], tokens: Tokens) -> list[Bill]:
    """The bill of every selected method that can be run, in the order of reports; none without a price.

    Args:
        experiment: Has methods, prices and seeds.
        test: Test tasks by benchmark.
        tokens: Of one call.
    """
    engines = {agent.name: experiment.engine_of(agent) for agent in experiment.team.agents}
    prices = {name: engine.price for name, engine in engines.items() if engine.kind == "openai" and engine.price}
    tasks = sum(test.values())
    if not prices or not tasks:
        return []
    seeds = len(experiment.benchmark.seeds)

    def dollars(agent: str, shown: int) -> float:
        """Of one call, mean over the test tasks."""
        price = prices.get(agent)
        return sum(n * price.dollars(*tokens(b, shown)) for b, n in test.items()) / tasks if price else 0.0

    found: list[Bill] = []
    known = all_methods(experiment)
    for name, method in selected(experiment).items():
        if _left_out(method, experiment):
            continue
        if method.dialogue is None and name not in known and not isinstance(method, MajorityVote):
            found.append(Bill(name, None, None, "what it asks is not known before it runs"))
            continue
        calls = _calls(method, experiment)
        first = {agent: dollars(agent, 0) for agent in calls.first}
        later = sum(n * dollars(agent, calls.read) for agent, n in calls.later.items())
        answer = sum(n * first[agent] for agent, n in calls.first.items()) + later
        every = sum(min(n * seeds, calls.samples) * first[agent] for agent, n in calls.first.items()) + later * seeds
        found.append(Bill(name, answer * calls.share, every * calls.share * tasks, calls.note))
    return found


def _left_out(method: Method, experiment: Experiment) -> bool:
    if method.unavailable(experiment, experiment.proposals.benchmark_samples):
        return True
    leader = method.dialogue and method.dialogue.leader
    return bool(leader and STAGES[leader].skipped(experiment))


def _calls(method: Method, experiment: Experiment) -> _Calls:
    team = tuple(agent.name for agent in experiment.team.agents)
    samples = experiment.proposals.benchmark_samples
    if isinstance(method, Adaptive):
        whole = _of_dialogue(led("mlpo_leader", team).dialogue, experiment)
        return whole._replace(note="at most: it stops where it pays")
    if method.dialogue:
        return _of_dialogue(method.dialogue, experiment)
    everybody = _Calls(dict.fromkeys(team, 1.0), {}, 0, samples)
    match method:
        case Single():
            return everybody._replace(first={method.agent: 1.0})
        case FirstAgents():
            return everybody._replace(first=dict.fromkeys(team[: method.k], 1.0))
        case MajorityVote():
            return everybody._replace(first=dict.fromkeys(team, method.n / len(team)))
        case BestOfTeam() | FamilyRouter() | SelectLLM():
            return everybody._replace(share=1 / len(team), note="mean of the agents: one answers, chosen later")
        case _:
            return everybody


def _of_dialogue(dialogue: Dialogue, experiment: Experiment) -> _Calls:
    seats: dict[str, float] = {}
    for agent in dialogue.seats:
        seats[agent] = seats.get(agent, 0.0) + 1
    if dialogue.greedy:
        return _Calls(seats, {}, 0, 1)
    revisions = dialogue.rounds(experiment) - 1
    read = 2 if dialogue.revise == "leader" else len(dialogue.seats)
    later = {agent: n * revisions for agent, n in seats.items()}
    return _Calls(seats, later, read, experiment.proposals.benchmark_samples)
