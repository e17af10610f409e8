"""Every part is readable and has the declared columns, types and rows."""

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.checks.finding import Check, Finding, Subject
from mlpo_core.store.files import Folder
from mlpo_core.store.parquet import Unreadable, decoding


def _schema(subject: Subject) -> Finding:
    folder = Folder(subject.dataset.ref.url)
    problems: list[str] = []
    for part in subject.dataset.manifest.parts:
        with folder.open(part.name) as file:
            try:
                with decoding():
                    parquet = pq.ParquetFile(file)
            except Unreadable as error:
                problems.append(f"{part.name}: {error}")
                continue
            problems += [f"{part.name}: {p}" for p in _differences(parquet.schema_arrow, subject.dataset.schema)]
            if parquet.metadata.num_rows != part.rows:
                problems.append(f"{part.name}: {parquet.metadata.num_rows} rows, but the manifest says {part.rows}")
    facts: dict[str, int | float | str] = {
        "parts": len(subject.dataset.manifest.parts),
        "rows": subject.dataset.count(),
    }
    return Finding(passed=not problems, message="; ".join(problems[:5]) or "all columns are as declared", facts=facts)


def _differences(found: pa.Schema, declared: pa.Schema) -> list[str]:
    if found.names != declared.names:
        return [f"columns {found.names}, declared {declared.names}"]
    return [
        f"column {name}: {found.field(name).type}, declared {declared.field(name).type}"
        for name in declared.names
        if not _same(found.field(name).type, declared.field(name).type)
    ]


def _same(a: pa.DataType, b: pa.DataType) -> bool:
    """Equal up to the name that Parquet gives a list's elements."""
    if pa.types.is_list(a) and pa.types.is_list(b):
        return _same(a.value_type, b.value_type)
    return bool(a.equals(b))


CHECKS = (Check("schema", "Every part has exactly the declared columns, types and rows.", True, _schema),)
