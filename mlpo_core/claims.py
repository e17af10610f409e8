"""What an experiment claims, tested over the points of its sweep by `mlpo_core.benchmark.claims`."""

from typing import Literal

from pydantic import Field

from mlpo_core.section import Name, Section, Share


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
