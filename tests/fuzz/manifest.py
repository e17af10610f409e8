"""Any bytes as the manifest of a version, as a pointer and as an acceptance: a version that is whole, or a refusal."""

from pathlib import Path

from mlpo_core.store import MANIFEST, Dataset, Store, VersionRef
from mlpo_core.store.catalog import versions
from mlpo_core.store.manifest import inspect
from tests import mini_chain
from tests.fuzz.target import REFUSED, Target, mutated

_PIECES = (
    *(b"..", b"/", b"\\\\", b"../../x", b"/etc/passwd", b"part-000001.parquet", b"manifest.json", b"checks.json"),
    *(b'"', b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"-1", b"1e400", b"NaN", b"9" * 5000, b"[" * 5000),
    *(b"\\u0000", b"\\ud800", b"\xff", b"\n", b'"rows"', b'"parts"', b'"files"', b'"folders"', b'"digest"', b'"bytes"'),
    *(b'"checkpoint"', b'"checkpoint-0123456789ab"', b'"inputs"', b'"stats"', b"2026-11-26T00:00:00+00:00", b"0001-"),
    *(b'"tasks"', b'"k"', b'{"a": {"bytes": 1, "sha256": ""}}', b"0" * 64, b"1.5"),
)  # fmt: skip


def prepare(folder: Path) -> Target:
    """A root whose version, pointer and acceptance are the same bytes."""
    store = Store(str(folder))
    rows = [mini_chain.task(n) for n in range(3)]
    ref = mini_chain.put(store, "tasks", rows, part=2, stats={"seen": 3, "by": {"a": [1.5, None]}}).ref
    store.point("mini", ref)
    version = Path(store.folder.path()) / "tasks" / "k"
    pointer = Path(store.folder.path()) / "experiments" / "mini" / "tasks.json"
    acceptance = Path(store.folder.path()) / "accepted" / "tasks" / "other.json"
    acceptance.parent.mkdir(parents=True)
    accepted = b'{"key": "k", "why": "because", "made_by": "1", "code": "2", "when": "today"}'
    seeds = [(version / MANIFEST).read_bytes()] * 3 + [pointer.read_bytes(), accepted]
    files = {path.name: path.read_bytes() for path in version.iterdir()}

    def check(data: bytes) -> None:
        for file in (version / MANIFEST, pointer, acceptance):
            file.write_bytes(data)
        manifest, damage = inspect(store.folder.join("tasks", "k"))
        assert manifest is None or damage is None
        [entry] = versions_of(store)
        assert entry.damage == (damage or "")
        for look in (lambda: store.find("tasks", "other"), lambda: store.pointed("mini", "tasks"), lambda: used(store)):
            try:
                look()
            except REFUSED as error:
                assert str(error)
        if manifest is None:
            return
        assert manifest.rows == sum(part.rows for part in manifest.parts) >= 0
        assert all(part.bytes == len(files[part.name]) for part in manifest.parts)
        dataset = Dataset(VersionRef(**{**ref.model_dump(), "digest": manifest.digest}), sets_aside=False)
        try:
            assert sum(1 for _ in dataset.rows()) <= 3
            for name in manifest.files:
                dataset.read_file(name)
            for name in manifest.folders:
                dataset.local_folder(name)
        except REFUSED as error:
            assert str(error)

    return Target(mutated(seeds, _PIECES), check)


def versions_of(store: Store) -> list:
    """The catalog, without the pointers that may be unreadable."""
    try:
        return versions(store)
    except REFUSED:
        pointers = Path(store.folder.path()) / "experiments" / "mini" / "tasks.json"
        pointers.unlink()
        return versions(store)


def used(store: Store) -> list:
    """Every pointer under the root."""
    return list(store.pointers())
