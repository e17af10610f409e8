"""What the UI shows of a version: counts, columns, a few rows, plots. All of it small: a large one freezes the UI."""

import base64
from collections.abc import Mapping
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.listening import addresses
from mlpo_core.store import Dataset
from mlpo_core.store.rollouts import steps
from pipelines.artifacts import url
from pipelines.lineage import column_lineage, column_schema

_ROWS = 5
_CELL = 90
_ANSWERS = ("response", "prompt")
_COLOURS = 64
_LARGEST_PLOT = 200_000
_VIEWED = frozenset({"benchmark_proposals", "team_rounds", "benchmark_predictions", "benchmark_report"})
"""What the pages of `mlpo view` are made of."""
_MARKUP = frozenset("<>&\"'\\`*_{}[]()#+-!|~$:")


def describe(
    dataset: Dataset, *, reused: bool, tasks: Dataset | None = None, partition: str | None = None
) -> dict[str, Any]:
    """The materialization metadata of a version.

    Args:
        dataset: The version.
        reused: Whether it was there already.
        tasks: What its rows answer: the preview shows the question and the gold answer beside a row.
        partition: The experiment whose conversations are linked.
    """
    manifest = dataset.manifest
    ref = dataset.ref
    return {
        "outcome": f"{'reused' if reused else 'made'} version {ref.key}",
        "reused": reused,
        "seconds": manifest.seconds,
        "dagster/row_count": manifest.rows,
        "dagster/uri": ref.url,
        "dagster/column_schema": column_schema(ref.asset),
        "dagster/column_lineage": column_lineage(ref.asset),
        **_headline(manifest.stats),
        **_table(manifest.stats),
        **_plots(dataset),
        **_pages(dataset),
        **_conversations(ref.asset, partition),
        **_training(dataset, partition),
        "preview": dg.MetadataValue.md(_preview(dataset, tasks)),
    }


def _headline(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that a stage puts first; numbers stay numbers, so that the UI draws them over time."""
    figures: Mapping[str, Any] = stats.get("headline", {})
    return {name: value if isinstance(value, int | float) else str(value) for name, value in figures.items()}


def _table(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The first table of a report."""
    return {name: dg.MetadataValue.md(text) for name, text in islice(stats.get("tables_md", {}).items(), 1)}


def _plots(dataset: Dataset) -> dict[str, Any]:
    plots: dict[str, Any] = {}
    for name, info in sorted(dataset.manifest.files.items()):
        if name.startswith("plots/") and name.endswith(".png") and info.bytes <= _LARGEST_PLOT:
            label = name.removeprefix("plots/").removesuffix(".png")
            image = base64.b64encode(_small(dataset.read_file(name))).decode()
            plots[f"plot: {label}"] = dg.MetadataValue.md(f"![{label}](data:image/png;base64,{image})")
            if served := url(dataset.ref.asset, dataset.ref.key, name):
                plots[name] = dg.MetadataValue.url(served)
    return plots


def _small(png: bytes) -> bytes:
    """A picture at half its width, as wide as the UI's dialog: the log keeps one for every time that it is shown."""
    from PIL import Image

    with Image.open(BytesIO(png)) as image:
        half = image.convert("RGB").resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    content = BytesIO()
    half.quantize(_COLOURS).save(content, "PNG", optimize=True)
    return content.getvalue()


def _pages(dataset: Dataset) -> dict[str, Any]:
    """The version's HTML pages: their URLs where they are served, else where they lie."""
    pages = [name for name in dataset.manifest.files if name.endswith(".html")]
    return {name: _page(dataset, name) for name in pages}


def _conversations(asset: str, partition: str | None) -> dict[str, Any]:
    """Where the conversations of the experiment are read, where they are served."""
    link = addresses.linked(addresses.tasks(partition)) if partition and asset in _VIEWED else None
    return {"conversations": dg.MetadataValue.url(link)} if link else {}


def _training(dataset: Dataset, partition: str | None) -> dict[str, Any]:
    """Where the training of a leader is read, where that is served and rollouts of it are kept."""
    if not partition or not steps(dataset):
        return {}
    link = addresses.linked(addresses.training(partition, dataset.ref.asset))
    return {"training": dg.MetadataValue.url(link)} if link else {}


def _page(dataset: Dataset, name: str) -> dg.MetadataValue:
    ref = dataset.ref
    served = url(ref.asset, ref.key, name)
    return dg.MetadataValue.url(served) if served else dg.MetadataValue.path(local_path(f"{ref.url}/{name}"))


def local_path(url: str) -> str:
    """The path of a `file://` URL; any other URL as it is."""
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else url


def _preview(dataset: Dataset, tasks: Dataset | None) -> str:
    first = next(iter(dataset.batches(batch_size=_ROWS)), None)
    rows: list[dict[str, Any]] = first.to_pylist() if first is not None else []
    if not rows:
        return "no rows"
    if tasks and "task_id" in rows[0] and "question" not in rows[0]:
        rows = _beside_questions(rows, tasks)
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_cell(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _beside_questions(rows: list[dict[str, Any]], tasks: Dataset) -> list[dict[str, Any]]:
    """The rows with their task's question and gold answer, right before what was answered."""
    wanted = {row["task_id"] for row in rows}
    asked: dict[str, dict[str, Any]] = {}
    for batch in tasks.batches(["task_id", "question", "answer"]):
        found = batch.filter(pc.is_in(batch["task_id"], pa.array(sorted(wanted - asked.keys()), pa.string())))
        asked.update((row["task_id"], row) for row in found.to_pylist())
        if len(asked) == len(wanted):
            break
    names = list(rows[0])
    at = next((names.index(name) for name in _ANSWERS if name in names), names.index("task_id") + 1)
    return [
        {
            **{name: row[name] for name in names[:at]},
            "question": asked.get(row["task_id"], {}).get("question"),
            "gold answer": asked.get(row["task_id"], {}).get("answer"),
            **{name: row[name] for name in names[at:]},
        }
        for row in rows
    ]


def _cell(value: Any) -> str:
    """One cell on one line, clipped. Model output is hostile: no character of it may act as Markdown or HTML."""
    text = " ".join(str("" if value is None else value).split())
    if len(text) > _CELL:
        text = text[: _CELL - 1] + "…"
    return "".join(f"&#{ord(c)};" if c in _MARKUP else c for c in text)
