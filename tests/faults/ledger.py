"""The record of a campaign: one JSON line per kill, appended at once, and the table at the end."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.faults.verify import Damage


class Kill(NamedTuple):
    """One kill and what came of it.

    Attributes:
        seed: Decides the moment.
        component: What was killed.
        stage: The asset that was being made.
        moment: When, in words.
        killed: False when the stage ended before the moment came: such an attempt does not count.
        finished: Parts, models and training steps that were done by then.
        survived: The disturbed run itself ended well.
        damage: What was found wrong, after the kill and after the re-run.
        seconds: The whole trial.
        commit: Of the code that was killed.
    """

    seed: int
    component: str
    stage: str
    moment: str
    killed: bool
    finished: int
    survived: bool
    damage: Damage
    seconds: float
    commit: str = ""


def append(file: Path, kill: Kill) -> None:
    """Add a line."""
    with file.open("a") as lines:
        lines.write(json.dumps({**kill._asdict(), "damage": kill.damage._asdict()}) + "\n")


def read(file: Path) -> list[Kill]:
    """Every line."""
    if not file.exists():
        return []
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [Kill(**{**row, "damage": Damage(**row["damage"])}) for row in rows]


def line(kill: Kill) -> str:
    """One kill for whoever watches."""
    what = "ok" if kill.damage.none else str(kill.damage)
    done = f"{kill.finished} finished, " if kill.killed else "ended before the moment came, "
    return f"seed {kill.seed}: {kill.component} in {kill.stage}, {kill.moment}: {done}{what} ({kill.seconds:.0f} s)"


def table(kills: Iterable[Kill]) -> str:
    """Kills by component and by stage, with what they cost."""
    counted = [k for k in kills if k.killed]
    head = ("", "kills", "recovered", "rows lost", "doubled", "recomputed", "half-visible", "processes", "slots")
    rows = [head]
    for field in ("component", "stage"):
        for name in dict.fromkeys(getattr(k, field) for k in counted):
            rows.append(_row(name, [k for k in counted if getattr(k, field) == name]))
    rows.append(_row("all", counted))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _row(name: str, kills: list[Kill]) -> tuple[str, ...]:
    damages = [k.damage for k in kills]
    figures = (
        len(kills),
        sum(not d.not_recovered for d in damages),
        sum(d.rows_lost for d in damages),
        sum(d.rows_doubled for d in damages),
        sum(d.shards_recomputed for d in damages),
        sum(bool(d.half_visible) for d in damages),
        sum(d.processes_left for d in damages),
        sum(d.slots_left for d in damages),
    )
    return (name, *map(str, figures))
