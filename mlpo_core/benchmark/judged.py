"""What a judge did in an experiment: how far it agrees with people, and how often each stage asked it."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.store import Dataset

JUDGE = "judge"
COUNTS = ("answers", "no_verdict", "calls", "prompt_tokens", "completion_tokens", "dollars")
CELLS = ("both_right", "missed", "let_pass", "both_wrong")


def judged(chain: Mapping[str, Dataset]) -> Iterator[Metric]:
    """The table `judge`; nothing where no answer was judged and no judge was held against people.

    Args:
        chain: Every version that the report rests on, by asset.
    """
    for asset, dataset in chain.items():
        stats: dict[str, Any] = dataset.manifest.stats.get(JUDGE) or {}
        if not stats:
            continue
        for name in COUNTS:
            yield Metric(JUDGE, ALL, asset, name, float(stats[name]), n=int(stats["answers"]))
        if asset == "tasks":
            yield from _agreement(stats)


def _agreement(stats: Mapping[str, Any]) -> Iterator[Metric]:
    model, n = stats["model"], int(stats["answers"])
    low, high = stats["accuracy_interval"]
    yield Metric(JUDGE, ALL, model, "agreement", stats["accuracy"], low, high, n=n)
    low, high = stats["kappa_interval"] or (None, None)
    note = "" if stats["kappa"] is not None else "one verdict for all answers"
    yield Metric(JUDGE, ALL, model, "kappa", stats["kappa"], low, high, n=n, note=note)
    for name in CELLS:
        yield Metric(JUDGE, ALL, model, name, float(stats[name]), n=n)
