"""Points that somebody named for one run: an experiment with other settings, kept under a name of its own.

A record says only what was changed. Everything else is that of the experiment's file as it is now, as for the points
of a sweep.
"""

from pydantic import BaseModel, ValidationError

from mlpo_core.errors import BadInput
from mlpo_core.store.names import decoded, encoded
from mlpo_core.store.root import Store

POINTS = "points"
"""Folder of the root: by name, what a point changes."""


class Point(BaseModel):
    """What a point is."""

    experiment: str
    """Whose settings it changes: an experiment, or a point of its sweep."""
    settings: tuple[str, ...]
    """`section.key=value` each."""


def record(store: Store, name: str, point: Point) -> None:
    """Keep a point under its name; again is the same."""
    store.own(POINTS).replace(f"{encoded(name)}.json", point.model_dump_json(indent=1).encode())


def recorded(store: Store) -> list[str]:
    """The names of all points, in order."""
    return sorted(decoded(name.removesuffix(".json")) for name in store.folder.join(POINTS).names())


def find(store: Store, name: str) -> Point | None:
    """The point of this name; None where there is none.

    Raises:
        BadInput: Its record cannot be read.
    """
    raw = store.folder.join(POINTS).read(f"{encoded(name)}.json")
    try:
        return Point.model_validate_json(raw) if raw else None
    except ValidationError as error:
        path = store.folder.join(POINTS).path(f"{encoded(name)}.json")
        raise BadInput(f"{path}: not the record of a point. Delete it, and name the point again") from error


def forget(store: Store, name: str) -> None:
    """Let a point go; its versions stay until nothing uses them."""
    store.own(POINTS).remove(f"{encoded(name)}.json")
