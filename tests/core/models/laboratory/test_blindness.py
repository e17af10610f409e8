"""Blind spots that are made from a skill and a correlation: the skills come out, and so does what is shared."""

from itertools import combinations

import pytest

from mlpo_core.experiment import Experiment, load
from mlpo_core.models.laboratory.blindness import readings
from mlpo_core.models.laboratory.reading import Reading, as_read
from mlpo_core.tasks.drawing import EASY, Shape, questions
from mlpo_core.tasks.families import COMPACT
from tests.support import REPOSITORY

TINY = REPOSITORY / "experiments" / "tiny.yaml"
FAMILIES = tuple(COMPACT)
AGENTS = ("alpha", "beta", "gamma")


def lab(*settings: str) -> Experiment:
    return load(TINY, ("base_models.blind_spots={}", *(f"base_models.{setting}" for setting in settings)))


def read_right(by_family: dict[str, Reading], length: int | None = None) -> float:
    """Share of the questions that hold nothing which is misread."""
    drawn = [(f, q.question) for f in FAMILIES for q in questions(f, Shape(length), 5, 400)]
    return sum(as_read(q, by_family.get(f, Reading({}))) == q for f, q in drawn) / len(drawn)


def test_blind_spots_that_are_given_are_taken_as_they_are() -> None:
    given = readings(load(TINY), "alpha", FAMILIES)
    assert given["sum"] == Reading({"3": "8"}) and set(given) == set(FAMILIES)


@pytest.mark.parametrize("skill", [0.05, 0.2, 0.4, 0.56, 0.8, 1.0])
def test_a_skill_is_the_share_of_questions_read_right(skill: float) -> None:
    experiment = lab(f"leader_skill={skill}", f"team_skill={skill}")
    for name in ("leader", *AGENTS):
        assert read_right(readings(experiment, name, FAMILIES)) == pytest.approx(skill, abs=0.05)


@pytest.mark.parametrize("length", [3, 8])
def test_a_skill_holds_at_other_lengths(length: int) -> None:
    options = ", ".join(f"{family}: {{length: {length}}}" for family in FAMILIES)
    experiment = load(
        TINY,
        ("base_models.blind_spots={}", "base_models.leader_skill=0.5", f"tasks.0.family_options={{{options}}}"),
    )
    assert read_right(readings(experiment, "leader", FAMILIES), length) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("correlation", [0.0, 0.4, 1.0])
def test_agents_have_so_many_blind_spots_in_common(correlation: float) -> None:
    experiment = lab("team_skill=0.56", f"error_correlation={correlation}")
    team = [readings(experiment, name, FAMILIES) for name in AGENTS]
    spots = [{(f, *pair) for f in FAMILIES for pair in agent[f].symbols.items()} for agent in team]
    for one, other in combinations(spots, 2):
        assert len(one) == len(other) and len(one & other) / len(one) == pytest.approx(correlation, abs=0.1)


@pytest.mark.parametrize("skill", [0.05, 0.3])
def test_agents_that_must_misread_the_same_symbols_take_them_for_others(skill: float) -> None:
    team = [readings(lab(f"team_skill={skill}"), name, FAMILIES) for name in AGENTS]
    for one, other in combinations(team, 2):
        for family in FAMILIES:
            assert not set(one[family].symbols.items()) & set(other[family].symbols.items())


def test_leaders_and_teams_have_blind_spots_of_their_own_and_easy_symbols_are_in_none() -> None:
    experiment = lab("leader_skill=0.56", "team_skill=0.56", "error_correlation=1")
    leader, agent = (readings(experiment, name, FAMILIES) for name in ("leader", "alpha"))
    for family in FAMILIES:
        assert not set(leader[family].symbols) & set(agent[family].symbols)
        assert not set(EASY[family]) & {*leader[family].symbols, *agent[family].symbols}
        assert all(symbol != taken for symbol, taken in leader[family].symbols.items())
