"""The methods that can be compared: one file each, one protocol, selected by name in `benchmark.methods`.

Imports no model library, so that an experiment can be checked anywhere.
"""

import re

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.methods.adaptive import ADAPTIVE, SOLO, TEAM, Adaptive
from mlpo_core.methods.any_correct import AnyCorrect
from mlpo_core.methods.best_of_team import BestOfTeam
from mlpo_core.methods.debate import debate
from mlpo_core.methods.deferral_leader import deferral_leader
from mlpo_core.methods.family_router import FamilyRouter
from mlpo_core.methods.first_agents import FirstAgents
from mlpo_core.methods.greedy import Greedy
from mlpo_core.methods.leader_vote import equal_calls, leader_vote
from mlpo_core.methods.leaders import LEADERS, attacked, led
from mlpo_core.methods.majority_vote import MajorityVote
from mlpo_core.methods.mixture_of_agents import mixture_of_agents
from mlpo_core.methods.plugged import made
from mlpo_core.methods.protocol import Answer, Dialogue, Method, Seed
from mlpo_core.methods.score_leader import score_leader
from mlpo_core.methods.select_llm import SelectLLM
from mlpo_core.methods.self_team import self_team
from mlpo_core.methods.shallow_aggregator import ShallowAggregator
from mlpo_core.methods.single import Single
from mlpo_core.methods.weighted_vote import WeightedVote
from mlpo_core.plugins import METHODS, is_plug_in

__all__ = [
    "Answer",
    "Dialogue",
    "Method",
    "Seed",
    "all_methods",
    "check_methods",
    "from_plug_ins",
    "plugged_in",
    "selected",
]

_VOTE = re.compile(r"majority_vote@([1-9]\d{0,5})")
_LEADER_VOTE = re.compile(rf"({'|'.join(LEADERS)})/(team|solo)_vote@([1-9]\d{{0,5}})")


def all_methods(experiment: Experiment) -> dict[str, Method]:
    """Every method that there is for a team, by full name, in the order of reports."""
    team = tuple(a.name for a in experiment.team.agents)
    k, rounds = len(team), experiment.inference.rounds
    votes = experiment.benchmark.votes or tuple(sorted({k, 4 * k, 20, 40}))
    methods: list[Method] = [
        *(Single(agent) for agent in team),
        *(Greedy(agent) for agent in team),
        *(MajorityVote(n) for n in votes),
        BestOfTeam(oracle=False),
        BestOfTeam(oracle=True),
        AnyCorrect(),
        FamilyRouter(),
        WeightedVote(),
        ShallowAggregator(),
        SelectLLM(),
        deferral_leader(team),
        *(led(which, seats) for which in LEADERS for seats in (team, ())),
        *score_leader(team),
        Adaptive(team, experiment.benchmark.seeds, experiment.inference.stop),
        *(attacked(which, team) for which in LEADERS),
        *(leader_vote("mlpo_leader", team if shown else (), n) for shown, n in equal_calls(k, rounds).items()),
        debate(team),
        mixture_of_agents(team),
        *(self_team(agent, k) for agent in team),
        *(FirstAgents(n) for n in range(1, k + 1)),
    ]
    return {method.name: method for method in methods}


def selected(experiment: Experiment) -> dict[str, Method]:
    """The methods that `benchmark.methods` names, in the order of reports.

    A name is a full one, or a family: `single`, `greedy`, `majority_vote`, `leaders`, `untrained_leader`,
    `best_of_team` (with its oracle), `self_team`, `first_agents`, `leader_vote` (at as many calls as all rounds of the
    MLPO leader), `score_leader` (trained only where it is named, so not among `leaders`), `attacked` (every leader; not
    among `leaders`, for it is no way of answering well). What is neither, and an import path or an entry point, is a
    method of somebody else's, and is loaded.

    Raises:
        BadInput: A name is none of these.
    """
    methods = all_methods(experiment)
    chosen: set[str] = set()
    plugged = from_plug_ins(experiment)
    for method in plugged.values():
        methods[method.name] = method
        chosen.add(method.name)
    for name in experiment.benchmark.methods:
        if name in plugged:
            continue
        if extra := _of_any_size(experiment, name):
            methods.setdefault(name, extra)
        members = {m for m in methods if name in (m, *_families(m))}
        if not members:
            families = sorted({family for method in methods for family in _families(method)} - set(methods))
            raise BadInput(
                f"benchmark.methods: {name!r} is no method of this experiment. Methods: {', '.join(methods)}. "
                f"Families: {', '.join(families)}"
            )
        chosen |= members
    chosen |= {TEAM, SOLO} if ADAPTIVE in chosen and experiment.inference.stop else set()  # it answers from their rows
    return {name: method for name, method in methods.items() if name in chosen}


def plugged_in(experiment: Experiment) -> dict[str, str]:
    """What `benchmark.methods` names that is not from here, by setting; runs nothing of it."""
    known = all_methods(experiment)
    names = {*known, *(family for method in known for family in _families(method))}
    return {
        f"benchmark.methods.{i}": name
        for i, name in enumerate(experiment.benchmark.methods)
        if not {name, name.partition(":")[0]} & names
        and not _of_any_size(experiment, name)
        and is_plug_in(name, METHODS)
    }


def from_plug_ins(experiment: Experiment) -> dict[str, Method]:
    """The methods that are not from here, by what `benchmark.methods` calls them. Raises what `selected` does."""
    taken, team = set(all_methods(experiment)), tuple(a.name for a in experiment.team.agents)
    found: dict[str, Method] = {}
    for field, path in plugged_in(experiment).items():
        found[path] = made(path, field, team, taken)
        taken.add(found[path].name)
    return found


def check_methods(experiment: Experiment) -> None:
    """Refuse an experiment that names a method that there is not, in `benchmark.methods`, its claims or `claims`.

    Raises:
        BadInput: Names the field and what there is.
    """
    chosen = selected(experiment)
    if experiment.leader and experiment.leader.information == "votes":
        for name, method in chosen.items():
            if method.dialogue and method.dialogue.leader and not method.dialogue.seats:
                raise BadInput(
                    f"benchmark.methods: {name} asks the leader alone, and one that is shown votes "
                    "(leader.information) sees no question: leave it out"
                )
    known = all_methods(experiment) | chosen
    named = [("benchmark.claims", name) for pair in experiment.benchmark.claims for name in pair]
    tests = experiment.claims.tests if experiment.claims else ()
    named += [("claims.tests", name) for test in tests for name in (test.method, *test.against)]
    for field, name in named:
        if (method := name.partition(" T=")[0]) not in known and not _of_any_size(experiment, method):
            raise BadInput(f"{field}: {name!r} is no method of this experiment. Methods: {', '.join(known)}")


def _of_any_size(experiment: Experiment, name: str) -> Method | None:
    """The vote of a size that is not listed, or None where the name is none of a vote."""
    if vote := _VOTE.fullmatch(name):
        return MajorityVote(int(vote.group(1)))
    if vote := _LEADER_VOTE.fullmatch(name):
        team = tuple(a.name for a in experiment.team.agents) if vote.group(2) == "team" else ()
        return leader_vote(vote.group(1), team, int(vote.group(3)))
    return None


def _families(name: str) -> tuple[str, ...]:
    """The families that a full name belongs to."""
    if name == ADAPTIVE:
        return ()
    if name.endswith("/attacked"):
        return ("attacked",)
    if "_vote@" in name and "/" in name:
        return ("leader_vote",)
    stem = re.split(r"[:@/]", name, maxsplit=1)[0].removesuffix("_oracle")
    return (stem, "leaders") if stem in LEADERS else (stem,)
