"""Keeps what was made last, and makes it once when several ask at the same time."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The last few results by key.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[K, V] = OrderedDict()
        self._guard = Lock()
        self._making = Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The result of a key; another thread that is making one is waited for, and one that fails is not kept."""
        with self._guard:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        with self._making:
            with self._guard:
                if key in self._made:
                    return self._made[key]
            made = make()
            with self._guard:
                self._made[key] = made
                while len(self._made) > self._most:
                    self._made.popitem(last=False)
            return made
