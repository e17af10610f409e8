"""What an experiment claims, tested over the points of its sweep by `mlpo_core.claims`."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import Field

from mlpo_core.experiment.section import Name, Section, Share


class Claim(Section):
    """One way of answering is better than others: tested in pairs on the same tasks and seeds."""

    id: Name
    """Claims with one id stand or fall together."""
    says: str
    method: str
    """As the report names it: `mlpo_leader/team T=1`."""
    against: tuple[str, ...] = Field(min_length=1)
    of: dict[str, str] = Field(default={})
    """At which point `method` is read, where it differs from `claims.at`: value by axis."""
    than: dict[str, str] = Field(default={})
    """The same for `against`."""
    where: Literal["all", "wrong_majority", "none_right"] = "all"
    """Which tasks count: all; those on which the vote of K settles on a wrong answer; those that no agent gets right
    in round 0."""
    margin: Share = 0.0
    """Above 0 the claim is that the method is not worse by this much or more, instead of better."""


class Claims(Section):
    """What is tested over the points of the sweep (`python -m mlpo_core claims`)."""

    by: str
    """Axis whose values get a column each."""
    over: str = "seed"
    """Axis of repetitions, over which tests are paired."""
    at: dict[str, str] = Field(default={})
    """The point at which methods are read unless a claim says otherwise: value by remaining axis."""
    tests: tuple[Claim, ...] = Field(min_length=1)

    def check(self, sweep: Mapping[str, Collection[Any]]) -> None:
        """Refuse claims about points that there are not.

        Raises:
            ValueError: Names the axis or value.
        """
        places = [("at", self.at), *((name, p) for t in self.tests for name, p in (("of", t.of), ("than", t.than)))]
        for axis in (self.by, self.over, *(axis for _, place in places for axis in place)):
            if axis not in sweep:
                raise ValueError(f"{axis!r} is no axis of sweep, which has {', '.join(sweep) or 'none'}")
        if open_ := [axis for axis in sweep if axis not in (self.by, self.over, *self.at)]:
            raise ValueError(f"at: lacks a value for {', '.join(open_)}")
        for name, place in places:
            for axis, value in place.items():
                if value not in map(str, sweep[axis]):
                    raise ValueError(f"{name}: sweep.{axis} has no {value!r}, only {', '.join(map(str, sweep[axis]))}")
