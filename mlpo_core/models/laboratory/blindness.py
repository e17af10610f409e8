"""Blind spots of miniature models: those that an experiment gives, or those that come of a skill and a correlation.

A model of a given skill misreads so many symbols, among so many first operands, that about the other share of the
questions holds none of them. Symbols of easy questions (`mlpo_core.tasks.drawing.EASY`) are never misread.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mlpo_core.experiment import Experiment
from mlpo_core.models.laboratory.reading import Reading
from mlpo_core.tasks.drawing import EASY, USUAL, Shape, shapes
from mlpo_core.tasks.families import COMPACT

LEADER = "leader"
_SPARED = 0.03
"""How far off a skill may be for one place more in which symbols are misread: errors are then less alike."""
_COMMON_TURN, _LEADERS_TURN = 0, -1


class _Extent(NamedTuple):
    """How many symbols are misread, among how many first operands."""

    symbols: int
    places: int


def readings(experiment: Experiment, name: str, families: Sequence[str]) -> dict[str, Reading]:
    """How a model reads every family in which it has a blind spot.

    Args:
        experiment: Needs the sections team, tasks and base_models.
        name: Of an agent, or `leader`.
        families: The compact families that there are questions of.

    Raises:
        BadInput: A family has options that it does not know.
    """
    settings = experiment.base_models
    skill = settings.leader_skill if name == LEADER else settings.team_skill
    if skill is None:
        return {family: Reading(symbols) for family, symbols in settings.blind_spots.get(name, {}).items()}
    given = shapes(experiment)
    extents = {family: _extent(family, given.get(family, Shape()), skill) for family in families}
    if name == LEADER:
        return {f: _reading(f, e, _hard(f)[::-1][: e.symbols], _LEADERS_TURN) for f, e in extents.items() if e}
    agents = [agent.name for agent in experiment.team.agents]
    common = _common({f: extent.symbols for f, extent in extents.items() if extent}, settings.error_correlation)
    return {f: _agents(f, e, common[f], agents.index(name)) for f, e in extents.items() if e}


def _extent(family: str, given: Shape, skill: float) -> _Extent | None:
    """What comes near to a skill with blind spots in few places spared; None where nothing is misread."""
    everything, length = len(COMPACT[family].symbols), given.length or USUAL[family]

    def off(extent: _Extent) -> float:
        return abs((1 - extent.symbols / everything) ** extent.places - skill)

    there = [_Extent(m, p) for m in range(1, len(_hard(family)) + 1) for p in range(1, length + 1)]
    near = min(there, key=lambda extent: off(extent) + _SPARED * (length - extent.places))
    return near if off(near) < 1 - skill else None


def _hard(family: str) -> list[str]:
    return [symbol for symbol in COMPACT[family].symbols if symbol not in EASY[family]]


def _common(counts: Mapping[str, int], correlation: float) -> dict[str, int]:
    """How many of its symbols each family's agents have in common: the share of all, spread evenly."""
    found: dict[str, int] = {}
    seen = 0
    for family, n in counts.items():
        found[family] = math.floor((seen + n) * correlation + 0.5) - math.floor(seen * correlation + 0.5)
        seen += n
    return found


def _agents(family: str, extent: _Extent, common: int, index: int) -> Reading:
    """What the agent of an index misreads: the symbols that all do, and its own from where the last one's end."""
    hard = _hard(family)
    shared = _reading(family, extent, hard[:common], _COMMON_TURN)
    start = index * extent.symbols
    rotated = [hard[(start + i) % len(hard)] for i in range(len(hard))]
    own = [symbol for symbol in rotated if symbol not in shared.symbols][: extent.symbols - common]
    return shared._replace(symbols={**shared.symbols, **_reading(family, extent, own, 1 + index).symbols})


def _reading(family: str, extent: _Extent, misread: Sequence[str], turn: int) -> Reading:
    """Each symbol is taken for a distant one, which `turn` decides: at another turn the error is another."""
    symbols = list(COMPACT[family].symbols)
    step = 1 + (len(symbols) // 2 - 1 + turn) % (len(symbols) - 1)
    return Reading({s: symbols[(symbols.index(s) + step) % len(symbols)] for s in misread}, extent.places)
