"""Writes the claims of an experiment as one HTML page, Markdown, a picture and a table of figures."""

from io import BytesIO

import pandas as pd

from mlpo_core.benchmark.report.page import render
from mlpo_core.benchmark.report.views import markdown, plain
from mlpo_core.charts.render import inline_svg, svg
from mlpo_core.claims import tables
from mlpo_core.claims.answers import read_answers
from mlpo_core.claims.evaluate import accuracies, evaluate
from mlpo_core.claims.picture import picture
from mlpo_core.experiment import Experiment
from mlpo_core.store import Store

FOLDER = "claims"
"""Where the pages are, under the root."""


def write_claims(experiment: Experiment, store: Store) -> str:
    """Test the claims on what has been made so far; returns the verdicts as Markdown and where the files are.

    Writes `<name>.html` (self-contained), `.md`, `.svg`, and `.parquet` with one row per test (`kind` = test) and per
    accuracy (`kind` = accuracy).

    Raises:
        BadInput: The experiment claims nothing, or nothing has been made of its sweep.
    """
    answers = read_answers(experiment, store)
    tested, figures = evaluate(answers), accuracies(answers)
    drawn = picture(answers, figures)
    views = [tables.verdicts(tested), tables.tests(tested), *tables.accuracy(figures)]
    note = tables.note(answers)
    folder = store.own(FOLDER)
    inline = inline_svg(drawn, "Accuracy of every method that a claim is about, by team")
    title = f"{experiment.name}: what holds"
    folder.replace(
        f"{experiment.name}.html", render("claims.html.j2", title=title, note=note, views=views, picture=inline)
    )
    text = [f"# {plain(title)}\n", plain(note), "", *(markdown(view) for view in views)]
    folder.replace(f"{experiment.name}.md", "\n".join(text).encode())
    folder.replace(f"{experiment.name}.svg", svg(drawn, "white").encode())
    folder.replace(f"{experiment.name}.parquet", as_parquet(tested, figures))
    places = "\n".join(folder.path(f"{experiment.name}.{ending}") for ending in ("html", "md", "svg", "parquet"))
    return f"{note}\n\n{markdown(views[0])}\n{places}"


def as_parquet(tested: pd.DataFrame, figures: pd.DataFrame) -> bytes:
    """One row per test (`kind` = test) and per accuracy (`kind` = accuracy)."""
    content = BytesIO()
    pd.concat([tested.assign(kind="test"), figures.assign(kind="accuracy")]).to_parquet(content, index=False)
    return content.getvalue()
