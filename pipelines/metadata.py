"""What the UI shows of a version: counts, columns, a few rows, plots. All of it small: a large one freezes the UI."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import dagster as dg

from mlpo_core.store import Dataset
from pipelines.lineage import column_lineage, column_schema

_ROWS = 5
_CELL = 90
_LARGEST_PLOT = 200_000
_MARKUP = frozenset("<>&\"'\\`*_{}[]()#+-!|~$:")


def describe(dataset: Dataset, *, reused: bool) -> dict[str, Any]:
    """The materialization metadata of a version."""
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
        **_plots(dataset),
        **_pages(dataset),
        "preview": dg.MetadataValue.md(_preview(dataset)),
    }


def _headline(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that a stage puts first; numbers stay numbers, so that the UI draws them over time."""
    figures: Mapping[str, Any] = stats.get("headline", {})
    return {name: value if isinstance(value, int | float) else str(value) for name, value in figures.items()}


def _plots(dataset: Dataset) -> dict[str, Any]:
    plots: dict[str, Any] = {}
    for name, info in sorted(dataset.manifest.files.items()):
        if name.startswith("plots/") and name.endswith(".png") and info.bytes <= _LARGEST_PLOT:
            label = name.removeprefix("plots/").removesuffix(".png")
            image = base64.b64encode(dataset.read_file(name)).decode()
            plots[f"plot: {label}"] = dg.MetadataValue.md(f"![{label}](data:image/png;base64,{image})")
    return plots


def _pages(dataset: Dataset) -> dict[str, Any]:
    """Where the version's HTML pages are."""
    return {
        name: dg.MetadataValue.path(local_path(f"{dataset.ref.url}/{name}"))
        for name in dataset.manifest.files
        if name.endswith(".html")
    }


def local_path(url: str) -> str:
    """The path of a `file://` URL; any other URL as it is."""
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else url


def _preview(dataset: Dataset) -> str:
    first = next(iter(dataset.batches(batch_size=_ROWS)), None)
    rows: list[dict[str, Any]] = first.to_pylist() if first is not None else []
    if not rows:
        return "no rows"
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_cell(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """One cell on one line, clipped. Model output is hostile: no character of it may act as Markdown or HTML."""
    text = " ".join(str("" if value is None else value).split())
    if len(text) > _CELL:
        text = text[: _CELL - 1] + "…"
    return "".join(f"&#{ord(c)};" if c in _MARKUP else c for c in text)
