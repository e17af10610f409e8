"""Draws every method that a claim is about: accuracy by team, each seed as a small mark, as SVG for any page."""

from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from mlpo_core.claims.answers import Answers
from mlpo_core.claims.evaluate import claimed
from mlpo_core.experiment.files import axis_values

_ABOUT, _RIVAL = "#D55E00", "#0072B2"
_ROW_INCHES = 0.24


def picture(answers: Answers, figures: pd.DataFrame) -> bytes:
    """One panel per team; methods by their mean over teams, those that the claims are made for in another colour.

    Args:
        answers: Gives every seed's accuracy.
        figures: What `evaluate.accuracies` gives: means and intervals.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    about = {claim.method for claim in answers.claims.tests}
    shown = claimed(answers).merge(figures, on=["by", "point", "way"])
    order = shown.groupby("label")["accuracy"].mean().sort_values().index.tolist()
    teams = axis_values(answers.experiment, answers.claims.by)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "claims", "font.size": 9}):
        figure = Figure(figsize=(3.2 + 2.6 * len(teams), 0.8 + _ROW_INCHES * len(order)), layout="constrained")
        panels: Any = figure.subplots(1, len(teams), sharex=True, sharey=True, squeeze=False)
        for panel, team in zip(panels[0], teams, strict=True):
            rows: Any = shown[shown["by"] == team].itertuples()
            for row in rows:
                place, colour = order.index(row.label), _ABOUT if row.way in about else _RIVAL
                panel.hlines(place, 100 * row.low, 100 * row.high, color=colour, linewidth=2.5, alpha=0.35)
                panel.plot(100 * np.array(row.each), [place] * len(row.each), "|", color=colour, markersize=6)
                panel.plot(100 * row.accuracy, place, "o", color=colour, markersize=4)
            panel.set(title=f"{team} team", xlabel="right, %")
            panel.grid(axis="x", linewidth=0.4, alpha=0.6)
        panels[0][0].set_yticks(range(len(order)), order)
        image = BytesIO()
        figure.savefig(image, format="svg", facecolor="white", metadata={"Date": None})
    return image.getvalue()
