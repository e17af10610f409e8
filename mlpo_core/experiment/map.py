"""`map`: what the points of a sweep are to each other, for the page of `mlpo_core.maps`."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import Field, model_validator

from mlpo_core.experiment.claims import Claims
from mlpo_core.experiment.section import Name, Section

Place = float | str


class Axis(Section):
    """One thing that is turned, everything else left as it is."""

    id: Name
    turns: str
    """What is turned, with its unit, as a title: `leader alone, % right`."""
    points: dict[str, Place] = Field(min_length=2)
    """Where each point stands, by its name on the axis `claims.by` of the sweep: a number, or a word where there is no
    order. Between numbers it is estimated where the lead changes sign."""

    @model_validator(mode="after")
    def _are_of_one_kind(self) -> "Axis":
        if len({isinstance(place, str) for place in self.points.values()}) > 1:
            raise ValueError(f"{self.id}: points stand at numbers or at words, not at both")
        return self

    @property
    def numeric(self) -> bool:
        """Whether its points stand at numbers."""
        return not any(isinstance(place, str) for place in self.points.values())


class Plane(Section):
    """Two things that are turned together."""

    id: Name
    across: str
    """What is turned from left to right, with its unit; with `rounds`, T."""
    down: str
    """What is turned from row to row, with its unit."""
    points: dict[str, tuple[float, Place]] = Field(min_length=2)
    """Where each point stands, across and down."""
    rounds: bool = False
    """T is what is turned across: a point is read at every T at which a claim is made, and `across` of its place is not
    used."""


class Map(Section):
    """Where the leader pays: the tests of `claims`, laid out over the points of the sweep (`mlpo map`)."""

    axes: tuple[Axis, ...] = Field(min_length=1)
    planes: tuple[Plane, ...] = ()

    def check(self, claims: Claims, sweep: Mapping[str, Collection[Any]]) -> None:
        """Refuse points that there are not.

        Raises:
            ValueError: Names the axis or plane, and the point.
        """
        ids = [part.id for part in (*self.axes, *self.planes)]
        if len(set(ids)) != len(ids):
            raise ValueError("two of axes and planes have one id")
        for part in (*self.axes, *self.planes):
            if unknown := [name for name in part.points if name not in map(str, sweep[claims.by])]:
                raise ValueError(f"{part.id}: sweep.{claims.by} has no {unknown[0]!r}")
