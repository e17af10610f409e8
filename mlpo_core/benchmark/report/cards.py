"""Dataset cards of the report: what each dataset holds and lost, from its manifest, and a few examples of its rows."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from mlpo_core.benchmark.report.views import View
from mlpo_core.store import Dataset

_ASSETS = ("tasks", "hard_tasks", "sft_dataset", "mlpo_dataset", "benchmark_predictions")
_EXAMPLES: Mapping[str, Sequence[str]] = {"sft_dataset": ("prompt", "completion"), "mlpo_dataset": ("prompt",)}
_SHOWN, _LONGEST = 2, 1500
_APART = frozenset({"headline", "notes", "not_run"})


class Card(NamedTuple):
    """A dataset's tables, notes and examples (column and text)."""

    asset: str
    rows: int
    views: Sequence[View]
    notes: Sequence[str]
    examples: Sequence[tuple[str, str]]


def cards(inputs: Mapping[str, Dataset]) -> list[Card]:
    """The cards of the datasets that are there."""
    return [_card(asset, inputs[asset]) for asset in _ASSETS if asset in inputs]


def _card(asset: str, dataset: Dataset) -> Card:
    stats = dataset.manifest.stats
    views = [_view("headline", stats["headline"])] if stats.get("headline") else []
    views += [_view(name, value) for name, value in stats.items() if name not in _APART and isinstance(value, dict)]
    notes = [str(n) for n in stats.get("notes", ())]
    return Card(asset, dataset.count(), [v for v in views if v.rows], notes, _examples(asset, dataset))


def _view(name: str, values: dict[str, Any]) -> View:
    """A mapping as a table: of name and figure, or with one column per inner key where all values are mappings."""
    title = name.replace("_", " ")
    if values and all(isinstance(v, dict) for v in values.values()):
        inner = list(dict.fromkeys(key for v in values.values() for key in v))
        rows = [[key, *(_text(v.get(i, "")) for i in inner)] for key, v in values.items()]
        return View(name, title, "", ["", *(i.replace("_", " ") for i in inner)], rows)
    return View(name, title, "", ["", ""], [[key.replace("_", " "), _text(v)] for key, v in values.items()])


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return _cut(", ".join(map(str, value)) if isinstance(value, list) else str(value), 200)


def _examples(asset: str, dataset: Dataset) -> list[tuple[str, str]]:
    columns = _EXAMPLES.get(asset, ())
    if not columns:
        return []
    rows = islice(dataset.rows(columns), _SHOWN)
    return [(column, _cut(row[column], _LONGEST)) for row in rows for column in columns]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text) - longest:,} more characters)"
