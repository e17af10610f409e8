"""The answers of one root, as one experiment uses them: found, or asked for once, kept, and paid for."""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from mlpo_core.store.answers.asking import Asking
from mlpo_core.store.answers.due import Due
from mlpo_core.store.answers.index import Index
from mlpo_core.store.answers.journal import Journal
from mlpo_core.store.answers.lines import NO_KEY, NOBODY, Stored, written
from mlpo_core.store.answers.shelf import Shelf
from mlpo_core.store.failures import explained
from mlpo_core.store.files import Folder
from mlpo_core.store.root import Store

FOLDER = "answers"


def folder_of(store: Store) -> Folder:
    """Where the answers of a root are; they need not be there."""
    return store.folder.join(FOLDER)


class Answers:
    """Stored answers by the content of their requests, shared by all experiments of a root, processes and machines.

    Args:
        store: The root.
        payer: Name of the experiment that pays for what is new.
        budget: Dollars that it may spend in all; None for no limit.
    """

    def __init__(self, store: Store, payer: str = "", budget: float | None = None) -> None:
        self.payer = payer or NOBODY
        self.budget = budget
        self._store = store
        self._shelf = Shelf(folder_of(store))
        self._index = Index(self._shelf.folders)
        self._journal = Journal(self._shelf)
        self._lock = threading.Lock()
        self._users = 0
        self._asking: Asking | None = None
        self._due: Due | None = None

    def open(self) -> None:
        """Begin to use them; `close` as often. Raises as `Store.own` and `Folder` do."""
        with self._lock:
            if self._users == 0:
                self._store.own()
                self._shelf.prepare()
                with explained(self._shelf.url):
                    self._asking = Asking(self._shelf.home / "asking")
                    if self.budget is not None:
                        self._due = Due(self._shelf.home, self.payer, self.budget, self.spent)
                self._index.refresh()
            self._users += 1

    def close(self) -> None:
        """End using them."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._asking:
                self._asking.close()
                if self._due:
                    self._due.close()
                self._journal.close()

    @contextmanager
    def asking(self, key: str, room: int) -> Generator[Stored | None]:
        """Spans asking a request, or finding its answer: whoever else wants it waits.

        Args:
            key: Of the request.
            room: Bytes that its answer may take.

        Yields:
            The answer, if it is stored.

        Raises:
            BadInput: There is no room for an answer.
        """
        assert self._asking  # noqa: S101 - narrows a type
        with self._asking(key):
            if found := self.find(key):
                yield found
                return
            self._journal.reserve(room)
            try:
                yield None
            finally:
                self._journal.release(room)

    @contextmanager
    def setting_aside(self, dollars: float) -> Generator[None]:
        """Spans a request, until what it cost is stored.

        Args:
            dollars: The most that it can cost.

        Raises:
            BadInput: The budget might not hold it.
        """
        with self._due.setting_aside(dollars) if self._due else nullcontext():
            yield

    def find(self, key: str) -> Stored | None:
        """The answer to a request, whichever process has asked."""
        self._index.refresh()
        line = self._index.find(key)
        return line.answer() if line else None

    def keep(self, key: str, answer: Stored, dollars: float) -> None:
        """Store an answer that has arrived; it is there for good when this returns."""
        self._journal.add(written(key, self.payer, dollars, answer.model_dump()))

    def note(self, fields: Mapping[str, Any], dollars: float = 0.0) -> None:
        """Store what is no answer: money that was spent on none, or how often answers were found."""
        self._journal.add(written(NO_KEY, self.payer, dollars, {**fields, "at": time.time()}))

    def spent(self) -> float:
        """Dollars that the experiment has spent so far."""
        self._index.refresh()
        return self._index.spent(self.payer)
