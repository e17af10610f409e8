"""Any bytes as a part of a version whose manifest vouches for them: its rows as declared, or a refusal."""

import hashlib
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.checks.finding import Subject
from mlpo_core.checks.structure import CHECKS
from mlpo_core.store import MANIFEST, Dataset, Store
from mlpo_core.store.manifest import Manifest, PartInfo, content_digest
from mlpo_core.store.schemas import SCHEMAS
from tests import mini_chain
from tests.fuzz.target import REFUSED, Target, mutated

_PIECES = (
    *(b"PAR1", b"PARE", b"ARROW:schema", b"task_id", b"question", b"\x00", b"\xff", b"\xff\xff\xff\x7f", b"\x15\x04"),
    *(b"\x80" * 9 + b"\x01", b"\xff" * 9 + b"\x01", b"\x19\x1c", b"\x15\x00", b"\x28\xb5\x2f\xfd", b"parquet-cpp"),
    b"=",
)  # fmt: skip
_PART = "part-000000.parquet"


def prepare(folder: Path) -> Target:
    """A root with one version of one part."""
    store = Store(str(folder))
    rows = [mini_chain.task(n) for n in range(4)]
    ref = mini_chain.put(store, "tasks", rows).ref
    version = Path(store.folder.path()) / "tasks" / "k"
    manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
    unfinished = Path(store.folder.path()) / "tasks" / "unfinished"

    def check(data: bytes) -> None:
        (version / _PART).write_bytes(data)
        part = PartInfo(name=_PART, rows=4, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), digest="0" * 64)
        claimed = manifest.model_copy(update={"parts": [part], "digest": content_digest([part], {}), "rows": 4})
        (version / MANIFEST).write_text(claimed.model_dump_json())
        dataset = Dataset(ref, sets_aside=False)
        readings = (lambda: dataset.rows(), lambda: dataset.rows(["task_id"]), lambda: dataset.table().to_pylist())
        for read in readings:
            try:
                assert len(list(read())) == 4
            except REFUSED as error:
                assert str(error)
        try:
            CHECKS[0].function(Subject(dataset, {}, mini_chain.experiment()))
        except REFUSED as error:
            assert str(error)
        unfinished.mkdir(exist_ok=True)
        (unfinished / _PART).write_bytes(data)
        writer = store.writer("tasks", "unfinished")
        try:
            writer.part(0)
        except REFUSED as error:
            assert str(error)

    return Target(mutated(_seeds(rows, (version / _PART).read_bytes()), _PIECES), check)


def _seeds(rows: list[dict], written: bytes) -> list[bytes]:
    """What we write, and the same rows in other encodings, compressions and schemas."""
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["tasks"])
    found = [written, written]
    for options in (
        {"compression": "none", "use_dictionary": False},
        {"compression": "gzip", "data_page_version": "2.0"},
    ):
        buffer = BytesIO()
        pq.write_table(table, buffer, **options)
        found.append(buffer.getvalue())
    for other in (
        table.select(["task_id"]),
        table.rename_columns([f"{n}x" for n in table.column_names]),
        table.slice(0, 0),
    ):
        buffer = BytesIO()
        pq.write_table(other, buffer)
        found.append(buffer.getvalue())
    return found
