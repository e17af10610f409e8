"""Writes the map of an experiment as one Markdown page, its pictures, and a table of figures."""

import subprocess
from pathlib import Path
from typing import Any

from mlpo_core.benchmark.report.views import markdown, plain
from mlpo_core.charts.render import svg
from mlpo_core.claims.answers import read_answers
from mlpo_core.claims.evaluate import accuracies, evaluate
from mlpo_core.claims.write import as_parquet
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, Map
from mlpo_core.experiment.files import points
from mlpo_core.maps import pictures, tables
from mlpo_core.maps.layout import Sheet
from mlpo_core.store import Store

FOLDER = "maps"
"""Where the pages are, under the root."""


def write_map(experiment: Experiment, store: Store) -> str:
    """Lay out what has been made so far; returns the rules as Markdown and where the files are.

    Writes `<name>.md`, a picture `<name>-<axis>.svg` per axis and plane, and `<name>.parquet` with one row per test
    (`kind` = test) and per accuracy (`kind` = accuracy).

    Raises:
        BadInput: The experiment has no map, or nothing has been made of its sweep.
    """
    if experiment.map is None:
        raise BadInput(f"{experiment.name}: map: this experiment has none")
    answers = read_answers(experiment, store)
    tested, figures = evaluate(answers), accuracies(answers)
    sheet = Sheet(answers, tested, figures)
    folder, name = store.own(FOLDER), experiment.name
    drawn = _pictures(sheet, experiment.map)
    for key, spec in drawn.items():
        folder.replace(f"{name}-{key}.svg", svg(spec, "white").encode())
    rules = tables.rules(sheet, experiment.map.axes)
    note = _note(experiment, answers.missing)
    folder.replace(f"{name}.md", _page(sheet, experiment.map, note, list(drawn)).encode())
    folder.replace(f"{name}.parquet", as_parquet(tested, figures))
    return f"{note}\n\n{markdown(rules)}\n{folder.path(f'{name}.md')}"


def commit() -> str:
    """The commit that this code is of, `-dirty` where files differ from it; empty where it is no checkout."""
    described = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(described, cwd=Path(__file__).parent, capture_output=True, text=True)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip()


def _pictures(sheet: Sheet, laid: Map) -> dict[str, dict[str, Any]]:
    found = {axis.id: pictures.of_axis(sheet, axis) for axis in laid.axes}
    found |= {plane.id: pictures.of_plane(sheet, plane) for plane in laid.planes}
    return {key: spec for key, spec in found.items() if spec}


def _note(experiment: Experiment, missing: list[str]) -> str:
    """What made the figures, and what is not there."""
    of = commit()
    text = f"Made by the code of commit {of}." if of else "Made by an installation that knows no commit."
    everything = len(points(experiment))
    text += f" Of {everything} points {everything - len(missing)} are there, as this code makes them."
    if missing:
        names = ", ".join(name.removeprefix(f"{experiment.name}--") for name in missing)
        text += f" Not finished; still missing: {names}."
    return text


def _page(sheet: Sheet, laid: Map, note: str, drawn: list[str]) -> str:
    name = sheet.answers.experiment.name
    parts = [f"# {plain(name)}: where the leader pays\n", plain(note) + "\n", markdown(tables.rules(sheet, laid.axes))]
    for axis in laid.axes:
        parts.append(markdown(tables.methods(sheet, axis)))
        parts += _shown(name, axis.id, axis.turns, drawn)
        parts.append(markdown(tables.leads(sheet, axis), 3))
    for plane in laid.planes:
        title = f"{plane.down} and {plane.across}"
        parts.append(f"## {plain(title)}\n")
        parts.append(
            "Blue: ahead, orange: behind, grey: undecided. A line is where the sign changes, its bar how sure.\n"
        )
        parts += _shown(name, plane.id, title, drawn) or ["Nothing has been measured yet.\n"]
    return "\n".join(parts)


def _shown(name: str, key: str, title: str, drawn: list[str]) -> list[str]:
    return [f"![{plain(title)}]({name}-{key}.svg)\n"] if key in drawn else []
