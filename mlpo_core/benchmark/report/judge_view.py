"""The table of the judge, where an experiment has one."""

from mlpo_core.benchmark.judged import CELLS, COUNTS, JUDGE
from mlpo_core.benchmark.metric import Metric
from mlpo_core.benchmark.report.lookup import MISSING, Figures, count, dollars, with_interval
from mlpo_core.benchmark.report.views import View

_CAPTION = (
    "How often the judge was asked, by asset; of `tasks` these are the answers that people have graded. An answer "
    "without a verdict counts as wrong."
)


def judge_view(figures: Figures) -> View | None:
    """What the judge did; None where nobody was asked."""
    found = {(m.method, m.metric): m for m in figures.of(JUDGE)}
    if not found:
        return None
    rows: list[list[str]] = []
    for asset in dict.fromkeys(m.method for m in figures.of(JUDGE, "calls")):
        *counts, spent = (found[asset, name].value for name in COUNTS)
        rows.append([asset, *map(count, counts), dollars(spent)])
    columns = ["asset", *(name.replace("_", " ") for name in COUNTS)]
    return View(JUDGE, "The judge", _CAPTION, columns, rows, notes=_agreement(figures, found))


def _agreement(figures: Figures, found: dict[tuple[str, str], Metric]) -> list[str]:
    """How far it agrees with people, in a sentence; none where that was not measured."""
    notes: list[str] = []
    for equal in figures.of(JUDGE, "agreement"):
        kappa = found[equal.method, "kappa"]
        told = kappa.note if kappa.value is None else f"{kappa.value:.2f}"
        if kappa.interval:
            told += f" ({kappa.interval.low:.2f} to {kappa.interval.high:.2f})"
        both, missed, let_pass, wrong = (count(found[equal.method, name].value) for name in CELLS)
        notes.append(
            f"{equal.method} and people agree on {with_interval(equal)} percent of {equal.n} answers; Cohen's kappa "
            f"{told or MISSING}. Both right {both}, both wrong {wrong}; only people right {missed}, only the judge "
            f"right {let_pass}."
        )
    return notes
