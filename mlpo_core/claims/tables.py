"""The claims as tables to read: verdicts first, then every test, then every accuracy."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import pandas as pd

from mlpo_core.benchmark.report.lookup import MISSING, count, p_value, percent, points
from mlpo_core.benchmark.report.views import View
from mlpo_core.claims.answers import Answers
from mlpo_core.claims.evaluate import NOT_RUN, together

_WHERE = {"all": "", "wrong_majority": "wrong majority", "none_right": "no agent right"}


def verdicts(table: pd.DataFrame) -> View:
    """One row per claim: what is said, and per team whether it holds and by how much at least."""
    whole = together(table)
    rows: list[list[str]] = []
    for name, tests in table.groupby("id", sort=False):
        says = "; ".join(dict.fromkeys(tests["says"]))
        verdict = whole.loc[str(name)]
        cells = [_cell(str(verdict[by]), tests[tests["by"] == by]) for by in whole.columns]
        rows.append([str(name), says, *cells])
    caption = (
        "A claim holds when each of its tests does: the difference has the claimed sign and p < 0.05 after Holm's "
        "correction over all tests of this page. It fails when a test is significant the other way, and is not shown "
        "otherwise. Beside it the test that comes out worst for the claim, in percent right."
    )
    return View("claims", "Claims", caption, ["", "claim", *whole.columns], rows, labels=2 + len(whole.columns))


def tests(table: pd.DataFrame) -> View:
    """Every test with its figures."""
    rows = [
        [
            row.id,
            row.by,
            row.method,
            row.against,
            _WHERE[row.where],
            *(
                [
                    percent(row.accuracy),
                    percent(row.rival),
                    points(row.difference),
                    f"{points(row.low)} to {points(row.high)}",
                    " / ".join(map(p_value, row.p_mcnemar)),
                    p_value(row.p),
                    p_value(row.p_holm),
                    count(row.n),
                ]
                if row.verdict != NOT_RUN
                else [MISSING] * 8
            ),
            f"{row.verdict} (margin {points(-row.margin)})" if row.margin else row.verdict,
        ]
        for row in cast("Iterable[Any]", table.itertuples())
    ]
    caption = (
        "Paired on the same tasks and seeds. The interval and p are from a bootstrap over tasks and seeds; McNemar's "
        "exact test is given per seed. n: answers of each method that count."
    )
    columns = ["claim", "team", "method", "against", "where", "right, %", "rival, %", "difference", "95 % interval"]
    columns += ["p McNemar, by seed", "p", "p Holm", "n", "the claim"]
    return View("tests", "Every test", caption, columns, rows, labels=5)


def accuracy(figures: pd.DataFrame) -> Sequence[View]:
    """One table per team: every way at every point."""
    views: list[View] = []
    for by, found in figures.groupby("by", sort=False):
        rows = [
            [
                row.way,
                row.point,
                percent(row.accuracy),
                f"{percent(row.low)}–{percent(row.high)}",
                " / ".join(map(percent, row.each)),
                percent(row.tie) if "vote" in row.way else MISSING,
            ]
            for row in cast("Iterable[Any]", found.itertuples())
        ]
        caption = "Percent right over all test tasks, mean over seeds; 95 % Wilson interval over tasks."
        columns = ["method", "recipe", "right, %", "95 % interval", "by seed", "ties, %"]
        views.append(View(f"accuracy-{by}", f"Accuracy: {by}", caption, columns, rows, labels=2))
    return views


def note(answers: Answers) -> str:
    """What was tested over what, and what is not there."""
    claims, experiment = answers.claims, answers.experiment
    text = f"Columns: {claims.by}. Repetitions: {claims.over}."
    if answers.missing:
        names = ", ".join(name.removeprefix(f"{experiment.name}--") for name in answers.missing[:4])
        more = ", …" if len(answers.missing) > 4 else ""
        text += f" Not finished; points that have not been made: {len(answers.missing)} ({names}{more})."
    return text


def _cell(verdict: str, tested: pd.DataFrame) -> str:
    there = tested[tested["verdict"] != NOT_RUN]
    if there.empty:
        return verdict
    row: Any = there.iloc[int((there["difference"] + there["margin"]).argmin())]
    figures = f"{percent(row['accuracy'])} against {percent(row['rival'])}, {row['against']}"
    return f"{verdict}: {figures} ({points(row['difference'])}, p {_equals(row['p_holm'])})"


def _equals(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
