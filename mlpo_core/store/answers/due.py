"""Money that is set aside for requests under way, so that several processes together never spend more than a budget."""

import fcntl
import os
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from mlpo_core.errors import BadInput
from mlpo_core.store.answers.segment import idle

_ENDING = ".due"
_POLL_S = 0.05
_WIDTH = 300
"""Bytes of the file: the longest name of an experiment, and a number."""


class Due:
    """What one process has set aside: a file that it holds, and that counts for nothing when it is gone.

    Args:
        home: Folder of this machine's segments.
        payer: The experiment.
        budget: Dollars that it may spend in all.
        spent: Dollars that it has spent.
    """

    def __init__(self, home: Path, payer: str, budget: float, spent: Callable[[], float]) -> None:
        self._home = home
        self._payer = payer
        self._budget = budget
        self._spent = spent
        self._under_way: list[float] = []
        self._lock = threading.Lock()
        self._path = home / f"{uuid.uuid4().hex}{_ENDING}"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    @contextmanager
    def setting_aside(self, dollars: float) -> Generator[None]:
        """Spans a request that costs so much at most; waits where others under way may leave enough.

        Raises:
            BadInput: It might cost more than is left.
        """
        while not self._takes(dollars):
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            with self._alone():
                self._under_way.remove(dollars)
                self._put()

    def close(self) -> None:
        """Nothing is under way any more."""
        self._path.unlink(missing_ok=True)
        os.close(self._fd)

    def _takes(self, dollars: float) -> bool:
        with self._alone():
            spent, aside = self._spent(), sum(self._under_way) + self._others()
            if spent + aside + dollars <= self._budget:
                self._under_way.append(dollars)
                self._put()
                return True
        if aside > 0:
            return False
        raise BadInput(
            f"budget: {self._payer} has spent ${spent:.4f} of ${self._budget:g}, so ${self._budget - spent:.4f} is "
            f"left, and the next request may cost ${dollars:.4f}. All that was paid for is kept: raise budget, and the "
            "same command goes on from there"
        )

    def _others(self) -> float:
        """What other processes of this experiment have set aside."""
        found = 0.0
        for path in self._home.glob(f"*{_ENDING}"):
            if path == self._path:
                continue
            with idle(path) as ended:
                if ended:
                    path.unlink(missing_ok=True)
                    continue
            try:
                payer, _, dollars = path.read_text().strip().rpartition(" ")
                found += float(dollars) if payer == self._payer else 0.0
            except (FileNotFoundError, ValueError):  # it ends, or it begins
                continue
        return found

    def _put(self) -> None:
        os.pwrite(self._fd, f"{self._payer} {sum(self._under_way):.12f}".ljust(_WIDTH).encode(), 0)

    @contextmanager
    def _alone(self) -> Generator[None]:
        with self._lock, (self._home / "budget").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
