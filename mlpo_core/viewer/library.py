"""Finds what an experiment's predictions were made of, and keeps the indices of a few."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock

from mlpo_core.benchmark.outcomes import Way
from mlpo_core.errors import BadInput, NotMade
from mlpo_core.store import Dataset, Store, VersionRef
from mlpo_core.store.names import POINTERS, decoded
from mlpo_core.viewer.conversation import Conversation, Rows, conversation, read
from mlpo_core.viewer.index import Index, build
from mlpo_core.viewer.kept import Kept
from mlpo_core.viewer.parts import Parts
from mlpo_core.viewer.training import LEADERS, Training

_PREDICTIONS = "benchmark_predictions"
_REPORT = "benchmark_report"
_FRESH_S = 3.0
"""Seconds for which pointers that were read are believed."""
_INDICES = 6
_SEARCHES = 32
_TASKS = 8


@dataclass(frozen=True)
class Volume:
    """An experiment as it is read.

    Attributes:
        name: Of the experiment.
        predictions: Final answers.
        tasks: What was asked.
        proposals: What agents answered first.
        rounds: What was written afterwards; None where nobody wrote.
        index: Verdicts and answers as arrays.
    """

    name: str
    predictions: Parts
    tasks: Parts
    proposals: Parts
    rounds: Parts | None
    index: Index

    @property
    def generations(self) -> int:
        """Texts that were written: rows of proposals and rounds."""
        return self.proposals.dataset.count() + (self.rounds.dataset.count() if self.rounds else 0)


class Library:
    """The experiments under a root.

    Args:
        store: The root. Nothing is written there.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = Lock()
        self._pointed: dict[tuple[str, str], tuple[float, VersionRef | None]] = {}
        self._names: tuple[float, list[str]] = (0.0, [])
        self._volumes = Kept[str, Volume](_INDICES)
        self._rows = Kept[tuple[str, str], Rows](_TASKS)
        self._trainings = Kept[str, Training](_INDICES)
        self._searches = Kept[tuple[str, str], set[str]](_SEARCHES)

    def names(self) -> list[str]:
        """Experiments that have predictions."""
        when, names = self._names
        if not when or time.monotonic() - when > _FRESH_S:
            found = self.store.folder.join(POINTERS).names()
            ending = f"/{_PREDICTIONS}.json"
            folders = [name.removesuffix(ending) for name in found if name.endswith(ending)]
            names = sorted(where if "/" in where else decoded(where) for where in folders)
            self._names = (time.monotonic(), names)
        return names

    def volume(self, name: str) -> Volume:
        """An experiment, read at the first time.

        Raises:
            BadInput: It has no predictions, or a version is gone or damaged.
        """
        ref = self._ref(name, _PREDICTIONS)
        if ref is None:
            reason = f"{name}: its {_PREDICTIONS} has not been made under {self.store.root}: there is nothing to view."
            raise NotMade(reason, _PREDICTIONS, name)
        volume = self._volumes.get(ref.key, lambda: self._open(name, ref))
        return volume if volume.name == name else replace(volume, name=name)

    def report(self, name: str) -> Dataset | None:
        """The experiment's report, if it has one."""
        ref = self._ref(name, _REPORT)
        return Dataset(ref, sets_aside=False) if ref else None

    def leaders(self, name: str) -> list[str]:
        """The leaders of an experiment whose training can be read, the one with its team first."""
        found = {leader: self._ref(name, leader) for leader in LEADERS}
        return [leader for leader, ref in found.items() if ref and self._training(ref).steps]

    def training(self, name: str, leader: str) -> Training:
        """What is kept of the rollouts of a leader, one of `leaders`.

        Raises:
            BadInput: The leader was not trained, or its version is gone or damaged.
        """
        ref = self._ref(name, leader)
        if ref is None:
            raise NotMade(f"{name}: its {leader} has not been made under {self.store.root}.", leader, name)
        return self._training(ref)

    def _training(self, ref: VersionRef) -> Training:
        return self._trainings.get(ref.url, lambda: Training(Dataset(ref, sets_aside=False)))

    def written(self, volume: Volume, text: str) -> set[str]:
        """The tasks to which some agent or leader wrote a text."""

        def search() -> set[str]:
            readable = [parts for parts in (volume.proposals, volume.rounds) if parts]
            return set[str]().union(*(parts.tasks_with(text, "response") for parts in readable))

        return self._searches.get((volume.predictions.dataset.ref.key, text), search)

    def conversation(self, volume: Volume, task_id: str, way: Way, seed: int) -> Conversation | None:
        """What is behind a final answer to a task; None where there is no such answer."""

        def rows() -> Rows:
            return read(task_id, volume.predictions, volume.proposals, volume.rounds)

        return conversation(self._rows.get((volume.predictions.dataset.ref.key, task_id), rows), way, seed)

    def _ref(self, name: str, asset: str) -> VersionRef | None:
        with self._lock:
            when, ref = self._pointed.get((name, asset), (0.0, None))
            if not when or time.monotonic() - when > _FRESH_S:
                ref = self.store.pointed(name, asset)
                if ref or when:  # names that nobody has made are asked for by anyone, and not kept
                    self._pointed[name, asset] = (time.monotonic(), ref)
            return ref

    def _open(self, name: str, ref: VersionRef) -> Volume:
        predictions = Dataset(ref, sets_aside=False)
        keys = predictions.manifest.input_keys
        tasks, proposals = (self._input(name, asset, keys) for asset in ("tasks", "benchmark_proposals"))
        if tasks is None or proposals is None:
            raise BadInput(f"{ref.url} does not say of which tasks and proposals it was made. Make {ref.asset} again")
        rounds = self._input(name, "team_rounds", keys)
        of_predictions, of_tasks, of_proposals = Parts(predictions), Parts(tasks), Parts(proposals)
        index = build(of_tasks, of_predictions, of_proposals)
        return Volume(name, of_predictions, of_tasks, of_proposals, Parts(rounds) if rounds else None, index)

    def _input(self, name: str, asset: str, keys: Mapping[str, str | None]) -> Dataset | None:
        """The version that the predictions were made of; None where they were made of none."""
        if not (key := keys.get(asset)):
            return None
        if ref := self.store.find(asset, key):
            return Dataset(ref, sets_aside=False)
        made = f"of which its {_PREDICTIONS} was made"
        raise BadInput(f"{name}: {asset} {key}, {made}, is gone. Make {_PREDICTIONS} again")
