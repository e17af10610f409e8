"""What a reader asks for: an address, read, and the part behind its question mark, written too."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mlpo_core.benchmark.outcomes import Way
from mlpo_core.errors import BadInput
from mlpo_core.store.names import encoded
from mlpo_core.viewer.index import Index

_TRAINED = "mlpo_leader/team"
_LONGEST = 300
DIFFERENCES = {
    "first": "only the first right",
    "second": "only the second right",
    "both": "both right",
    "neither": "neither right",
}
"""How two verdicts on a task stand to each other."""


@dataclass(frozen=True)
class Wanted:
    """One page of a list, or one task of it.

    Attributes:
        way: Method and T, as in reports: `mlpo_leader/team T=5`.
        seed: Evaluation seed.
        outcome: Only this kind of outcome; empty for all.
        benchmark: Only this one; empty for all.
        subject: The same.
        q: Only tasks with this text.
        where: `written` looks for it in all that was written; else in questions, answers and ids.
        vs: A second way, to compare with; empty for none.
        of: Experiment of the second way; empty for the same.
        differ: Only where the two stand so (`DIFFERENCES`).
        page: From 1.
    """

    way: Way
    seed: int
    outcome: str = ""
    benchmark: str = ""
    subject: str = ""
    q: str = ""
    where: str = ""
    vs: str = ""
    of: str = ""
    differ: str = ""
    page: int = 1

    @property
    def compares(self) -> bool:
        """Whether there is a second way."""
        return bool(self.vs or self.of)

    def query(self, **changes: Any) -> str:
        """This as the query of an address, with some fields changed; from the first page unless a page is given."""
        changed = replace(self, **{"page": 1, **changes})
        values = {name: str(value) for name, value in vars(changed).items()}
        if changed.page == 1:
            del values["page"]
        return urlencode({name: value for name, value in values.items() if value}, quote_via=quote)


def wanted(given: Mapping[str, str], index: Index) -> Wanted:
    """Read a query; what names nothing stands for the default."""
    way = way_named(given.get("way", ""), index) or default_way(index)
    seeds = list(index.ways[way])
    seed, page = (number(given.get(name, "")) for name in ("seed", "page"))
    texts = {
        name: given.get(name, "").strip()[:_LONGEST]
        for name in ("outcome", "benchmark", "subject", "q", "where", "vs", "of", "differ")
    }
    return Wanted(way, seed if seed in seeds else seeds[0], page=min(max(1, page or 1), 10**9), **texts)


def default_way(index: Index) -> Way:
    """The trained leader with its team after most rounds; where there is none, the method of most rounds."""
    return max(index.ways, key=lambda way: (way.method == _TRAINED, way.rounds))


def way_named(text: str, index: Index) -> Way | None:
    """The way with this name; None where there is none."""
    return next((way for way in index.ways if str(way) == text), None)


def experiment_named(request: Request) -> str:
    """The experiment that an address names.

    Raises:
        HTTPException: None can have this name.
    """
    name: str = request.path_params["experiment"]
    try:
        encoded(name)
    except BadInput as error:
        raise HTTPException(404, str(error)) from error
    return name


def number(text: str) -> int | None:
    """A whole number; None where the text is none."""
    try:
        return int(text[:30])
    except ValueError:
        return None
