"""What must hold after a kill and after the re-run: compared with the same stage made without disturbance."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from mlpo_core.store import MANIFEST, Dataset, Store, VersionRef
from mlpo_core.store.schemas import VOLATILE

TIMED = frozenset({"value"})
"""Holds durations among other figures in training logs and in the report."""


class Damage(NamedTuple):
    """What went wrong; all zero and empty when nothing did."""

    rows_lost: int = 0
    rows_doubled: int = 0
    shards_recomputed: int = 0
    half_visible: str = ""
    processes_left: int = 0
    slots_left: int = 0
    not_recovered: str = ""

    @property
    def none(self) -> bool:
        return self == Damage()


def finished(store: Store, golden: VersionRef) -> dict[str, Any]:
    """What an interrupted phase had finished: parts (with a mark that changes when one is made again), models, and the
    last checkpoint of a training."""
    folder = store.folder.join(golden.asset, golden.key)
    found: dict[str, Any] = {n: s.modified for n, s in folder.stored().items() if n.startswith("part-")}
    if folder.is_local:
        scratch = Path(folder.path()).parent / f"{golden.key}.partial"
        found.update({f"model {card.parent.name}": None for card in scratch.glob("*/pretraining.json")})
        steps = [int(p.parent.name.rpartition("-")[2]) for p in scratch.glob("trainer/checkpoint-*/complete.json")]
        found.update({f"checkpoint-{max(steps)}": None} if steps else {})
    return found


def recomputed(store: Store, golden: VersionRef, before: dict[str, Any], messages: str) -> int:
    """How much of what was finished the re-run made again, by its parts and by what it said."""
    after = finished(store, golden)
    redone = 0
    for name, mark in before.items():
        if name.startswith("part-"):
            redone += after.get(name) != mark
        elif name.startswith("model "):
            redone += f"pre-trained {name.removeprefix('model ')}:" in messages
        else:
            redone += f"resuming from {name}" not in messages
    return redone


def half_visible(store: Store, asset: str, partition: str) -> str:
    """What a reader would see that is not whole; empty if nothing."""
    for key in store.folder.join(asset).folders():
        folder = store.folder.join(asset, key)
        raw = folder.read(MANIFEST)
        if raw is None or key.endswith(".partial"):
            continue
        dataset = Dataset(VersionRef(asset=asset, url=folder.url, key=key, digest=json.loads(raw)["digest"]))
        promised = {
            *(p.name for p in dataset.manifest.parts),
            *map(dataset.manifest.stored_name, dataset.manifest.files),
        }
        missing = promised - set(folder.names())
        if missing or sum(1 for _ in dataset.rows()) != dataset.count():
            return f"{asset}/{key}: its manifest promises more than there is: {sorted(missing)}"
    ref = store.pointed(partition, asset)
    if ref and store.find(asset, ref.key) is None:
        return f"{partition} points at {asset}/{ref.key}, which is not there"
    return ""


def compare(store: Store, golden: VersionRef) -> Damage:
    """Rows lost and doubled in the version that the re-run left, and whether it is the same in all that counts."""
    ref = store.find(golden.asset, golden.key)
    if ref is None:
        return Damage(not_recovered="no version")
    expected, got = _rows(golden), _rows(ref)
    same = ref.digest == golden.digest or golden.asset == "benchmark_report"
    return Damage(
        rows_lost=(expected - got).total(),
        rows_doubled=(got - expected).total(),
        not_recovered="" if same else f"digest {ref.digest} instead of {golden.digest}",
    )


def processes_of(root: str) -> list[psutil.Process]:
    """Processes that work for this root: phases, and whatever they started."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            mine = process.pid == psutil.Process().pid
            if not mine and process.status() != psutil.STATUS_ZOMBIE and process.environ().get("FAULTS_ROOT") == root:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _rows(ref: VersionRef) -> Counter[str]:
    timed = VOLATILE | (TIMED if ref.asset in ("benchmark_report",) or ref.asset.endswith("_leader") else set())
    return Counter(
        json.dumps({k: v for k, v in row.items() if k not in timed}, sort_keys=True) for row in Dataset(ref).rows()
    )
