"""Draws every method that a claim is about: accuracy by team, each seed as a small mark, as SVG for any page."""

from typing import Any

import pandas as pd

from mlpo_core.charts.dots import Dot, dots
from mlpo_core.charts.style import COLOURS
from mlpo_core.claims.answers import Answers
from mlpo_core.claims.evaluate import claimed
from mlpo_core.experiment.files import axis_values

_RIVAL, _ABOUT = COLOURS[:2]


def picture(answers: Answers, figures: pd.DataFrame) -> dict[str, Any]:
    """One panel per team; methods by their mean over teams, those that the claims are made for in another colour.

    Args:
        answers: Gives every seed's accuracy.
        figures: What `evaluate.accuracies` gives: means and intervals.
    """
    about = {claim.method for claim in answers.claims.tests}
    shown = claimed(answers).merge(figures, on=["by", "point", "way"])
    order = shown.groupby("label")["accuracy"].mean().sort_values(ascending=False).index.tolist()
    rows: Any = shown.itertuples()
    found = [
        Dot(
            f"{row.by} team",
            row.label,
            row.accuracy,
            row.low,
            row.high,
            _ABOUT if row.way in about else _RIVAL,
            list(row.each),
        )
        for row in rows
    ]
    teams = [f"{team} team" for team in axis_values(answers.experiment, answers.claims.by)]
    return dots(found, order, [team for team in teams if any(dot.panel == team for dot in found)], "right")
