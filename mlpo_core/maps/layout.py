"""Which figures stand where: every lead that the claims test, at every point of an axis or a plane."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from mlpo_core.claims.answers import Answers
from mlpo_core.claims.evaluate import NOT_RUN, named
from mlpo_core.experiment import Axis, Claim
from mlpo_core.maps.leads import Crossing, crossings, gains, state


class Lead(NamedTuple):
    """A way of answering over another, as a claim tests them."""

    claim: Claim
    against: str

    @property
    def method(self) -> str:
        """Who leads or not, with the point that it is read at."""
        return named(self.claim.method, self.claim.of)

    @property
    def rival(self) -> str:
        """Over whom."""
        return named(self.against, self.claim.than)

    @property
    def name(self) -> str:
        """Both."""
        return f"{self.method} over {self.rival}"


class Figure(NamedTuple):
    """A lead at a point, as a share of the tasks, with its paired interval and what it comes to."""

    difference: float
    low: float
    high: float
    state: str


class Sheet:
    """The tests and accuracies of a sweep, by lead and point.

    Attributes:
        answers: What was answered.
        leads: Every lead that is tested on all tasks.
    """

    def __init__(self, answers: Answers, tested: pd.DataFrame, accuracies: pd.DataFrame) -> None:
        """`tested` and `accuracies` are those of `mlpo_core.claims.evaluate`."""
        self.answers = answers
        self.accuracies = accuracies
        self.leads = [Lead(c, against) for c in answers.claims.tests if c.where == "all" for against in c.against]
        rows: Any = tested[(tested["verdict"] != NOT_RUN) & (tested["where"] == "all")].itertuples()
        self._figures = {
            (row.method, row.against, row.by): Figure(
                row.difference, row.low, row.high, state(row.difference, row.low, row.high)
            )
            for row in rows
        }

    def figure(self, lead: Lead, point: str) -> Figure | None:
        """None where one of the two was not run."""
        return self._figures.get((lead.method, lead.rival, point))

    def crossings(self, lead: Lead, axis: Axis) -> list[Crossing]:
        """Where a lead changes sign along an axis; none along one of words."""
        return self.along({float(at): (lead, name) for name, at in axis.points.items()}) if axis.numeric else []

    def along(self, found: Mapping[float, tuple[Lead, str]]) -> list[Crossing]:
        """The same for leads at points, by place."""
        gained = {at: gains(self.answers, name, lead.claim, lead.against) for at, (lead, name) in found.items()}
        return crossings({at: there for at, there in gained.items() if there is not None})

    def ways(self) -> Iterator[tuple[str, str]]:
        """Every way that was run anywhere with the point that it was read at on the remaining axes, once each."""
        pairs: Any = zip(self.accuracies["way"], self.accuracies["point"], strict=True)
        yield from dict.fromkeys(pairs)

    def accuracy(self, way: str, at: str, point: str) -> tuple[float, float, float] | None:
        """Share right with its interval."""
        table = self.accuracies
        found: Any = table[(table["way"] == way) & (table["point"] == at) & (table["by"] == point)]
        return None if found.empty else tuple(found[["accuracy", "low", "high"]].iloc[0].tolist())
