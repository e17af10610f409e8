"""Parts, records and sizes that somebody else put into a root, with a manifest that vouches for them."""

import hashlib
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_core.checks.finding import Subject
from mlpo_core.checks.structure import CHECKS
from mlpo_core.errors import BadInput
from mlpo_core.store import MANIFEST, Dataset, Store
from mlpo_core.store.manifest import Manifest, content_digest, inspect
from tests import mini_chain

PART = "part-000000.parquet"


@pytest.fixture
def version(tmp_path: Path) -> tuple[Store, Dataset, Path]:
    store = mini_chain.store(tmp_path)
    found = mini_chain.put(store, "tasks", [mini_chain.task(n) for n in range(3)])
    return store, found, Path(store.folder.path()) / "tasks" / "k"


def vouch(folder: Path, data: bytes) -> None:
    """Put bytes in the place of a part, and a manifest that says that they belong there."""
    (folder / PART).write_bytes(data)
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    told = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    parts = [manifest.parts[0].model_copy(update=told)]
    changed = manifest.model_copy(update={"parts": parts, "digest": content_digest(parts, {})})
    (folder / MANIFEST).write_text(changed.model_dump_json())


def written(table: pa.Table) -> bytes:
    buffer = BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def no_utf8(table: pa.Table) -> bytes:
    column = pa.array([b"\xff\xfe"] * 3, pa.binary())
    bad = pa.StringArray.from_buffers(3, *column.buffers()[1:])
    return written(table.set_column(table.schema.get_field_index("question"), "question", bad))


DAMAGE: list[tuple[Callable[[pa.Table], bytes], str]] = [
    (lambda _: b"", "not readable as Parquet"),
    (lambda _: b"PAR1" + b"\xff" * 100 + b"PAR1", "not readable as Parquet"),
    (lambda table: written(table)[:-300] + written(table)[-290:], "not readable as Parquet"),
    (lambda table: written(table.slice(1)), "2 rows instead of 3"),
    (no_utf8, "UTF8"),
]


@pytest.mark.parametrize(("make", "reason"), DAMAGE)
@pytest.mark.parametrize("read", [lambda d: list(d.rows()), lambda d: d.table(["question"])])
def test_what_is_no_part_is_refused_and_set_aside(version, make, reason: str, read) -> None:
    store, dataset, folder = version
    vouch(folder, make(dataset.table()))
    with pytest.raises(BadInput, match=f"is damaged: part-000000.parquet.*{reason}"):
        read(Dataset(dataset.ref))
    assert store.find("tasks", "k") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda table: table.drop_columns(["answer"]), "has no column 'answer'"),
        (lambda table: table.append_column("answer", table["answer"]), "has several columns 'answer'"),
        (lambda table: table.set_column(6, "answer", pa.array([1, 2, 3])), "has int64 in column 'answer'"),
    ],
)
def test_other_columns_are_refused_by_name_and_nothing_is_moved(version, change, reason: str) -> None:
    store, dataset, folder = version
    assert dataset.schema.names[6] == "answer"
    vouch(folder, written(change(dataset.table())))
    with pytest.raises(BadInput, match=f"{PART} {reason}.*Materialize tasks again"):
        list(Dataset(dataset.ref).rows(["task_id", "answer"]))
    assert store.find("tasks", "k")


def test_the_check_of_the_schema_says_what_it_cannot_read(version) -> None:
    _, dataset, folder = version
    vouch(folder, b"PAR1" + b"\xff" * 100 + b"PAR1")
    finding = CHECKS[0].function(Subject(Dataset(dataset.ref), {}, mini_chain.experiment()))
    assert not finding.passed and f"{PART}: it is not readable as Parquet" in finding.message


def test_a_part_of_an_unfinished_version_with_other_columns_is_made_again(version) -> None:
    store, dataset, _ = version
    writer = store.writer("tasks", "unfinished")
    writer.write(0, dataset.table())
    part = Path(store.folder.path()) / "tasks" / "unfinished" / PART
    part.write_bytes(written(dataset.table().select(["task_id"])))
    with pytest.raises(BadInput, match="It was deleted"):
        writer.part(0)
    assert not part.exists()


@pytest.mark.parametrize("change", [{"rows": -1}, {"rows": 2**63}])
def test_sizes_that_cannot_be_are_no_manifest(version, change: dict[str, int]) -> None:
    store, _, folder = version
    raw = json.loads((folder / MANIFEST).read_text())
    raw.update(change)
    raw["parts"][0].update(change)
    (folder / MANIFEST).write_text(json.dumps(raw))
    assert inspect(store.folder.join("tasks", "k")).damage == f"{MANIFEST} cannot be read"


@pytest.mark.parametrize("record", [b"", b"{}", b'{"key": "../k", "why": "", "made_by": "", "code": "", "when": ""}'])
def test_a_record_of_an_accepted_version_that_cannot_be_read_is_named(version, record: bytes) -> None:
    store, _, folder = version
    path = folder.parents[1] / "accepted" / "tasks" / "other.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(record)
    with pytest.raises(BadInput, match=r"other\.json: not the record of an accepted version"):
        store.find("tasks", "other")
