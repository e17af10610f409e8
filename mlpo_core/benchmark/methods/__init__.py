"""The methods that can be compared: one file each, one protocol, selected by name in `benchmark.methods`.

Imports no model library, so that an experiment can be checked anywhere.
"""

import re

from mlpo_core.benchmark.methods.any_correct import AnyCorrect
from mlpo_core.benchmark.methods.best_of_team import BestOfTeam
from mlpo_core.benchmark.methods.debate import debate
from mlpo_core.benchmark.methods.deferral_leader import DeferralLeader
from mlpo_core.benchmark.methods.family_router import FamilyRouter
from mlpo_core.benchmark.methods.leaders import LEADERS, attacked, led
from mlpo_core.benchmark.methods.majority_vote import MajorityVote
from mlpo_core.benchmark.methods.mixture_of_agents import mixture_of_agents
from mlpo_core.benchmark.methods.protocol import Answer, Dialogue, Method, Seed
from mlpo_core.benchmark.methods.select_llm import SelectLLM
from mlpo_core.benchmark.methods.self_team import self_team
from mlpo_core.benchmark.methods.single import Single
from mlpo_core.config import Experiment
from mlpo_core.errors import BadInput

__all__ = ["Answer", "Dialogue", "Method", "Seed", "all_methods", "check_methods", "selected"]

_VOTE = re.compile(r"majority_vote@([1-9]\d{0,5})")


def all_methods(experiment: Experiment) -> dict[str, Method]:
    """Every method that there is for a team, by full name, in the order of reports."""
    team = tuple(a.name for a in experiment.team.agents)
    k = len(team)
    votes = experiment.benchmark.votes or tuple(sorted({k, 4 * k, 20, 40}))
    methods: list[Method] = [
        *(Single(agent) for agent in team),
        *(MajorityVote(n) for n in votes),
        BestOfTeam(oracle=False),
        BestOfTeam(oracle=True),
        AnyCorrect(),
        FamilyRouter(),
        SelectLLM(),
        DeferralLeader(),
        *(led(which, seats) for which in LEADERS for seats in (team, ())),
        *(attacked(which, team) for which in LEADERS),
        debate(team),
        mixture_of_agents(team),
        *(self_team(agent, k) for agent in team),
    ]
    return {method.name: method for method in methods}


def selected(experiment: Experiment) -> dict[str, Method]:
    """The methods that `benchmark.methods` names, in the order of reports.

    A name is a full one, or a family: `single`, `majority_vote`, `leaders`, `untrained_leader`, `best_of_team` (with
    its oracle), `self_team`, `attacked` (every leader; not among `leaders`, for it is no way of answering well).

    Raises:
        BadInput: A name is neither.
    """
    methods = all_methods(experiment)
    chosen: set[str] = set()
    for name in experiment.benchmark.methods:
        if vote := _VOTE.fullmatch(name):
            methods.setdefault(name, MajorityVote(int(vote.group(1))))
        members = {m for m in methods if name in (m, *_families(m))}
        if not members:
            families = sorted({family for method in methods for family in _families(method)} - set(methods))
            raise BadInput(
                f"benchmark.methods: {name!r} is no method of this experiment. Methods: {', '.join(methods)}. "
                f"Families: {', '.join(families)}"
            )
        chosen |= members
    return {name: method for name, method in methods.items() if name in chosen}


def check_methods(experiment: Experiment) -> None:
    """Refuse an experiment that names a method that there is not, in `benchmark.methods`, its claims or `claims`.

    Raises:
        BadInput: Names the field and what there is.
    """
    selected(experiment)
    known = all_methods(experiment)
    named = [("benchmark.claims", name) for pair in experiment.benchmark.claims for name in pair]
    tests = experiment.claims.tests if experiment.claims else ()
    named += [("claims.tests", name) for test in tests for name in (test.method, *test.against)]
    for field, name in named:
        if (method := name.partition(" T=")[0]) not in known and not _VOTE.fullmatch(method):
            raise BadInput(f"{field}: {name!r} is no method of this experiment. Methods: {', '.join(known)}")


def _families(name: str) -> tuple[str, ...]:
    """The families that a full name belongs to."""
    if name.endswith("/attacked"):
        return ("attacked",)
    stem = re.split(r"[:@/]", name, maxsplit=1)[0].removesuffix("_oracle")
    return (stem, "leaders") if stem in LEADERS else (stem,)
