"""What the benchmark scripts share: rows with a verdict, tables, JSON, sides that take turns, measured processes."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "bench" / "results"
"""Ignored by git."""


@dataclass(frozen=True)
class Row:
    """One claim: what was measured against what, the figure, and what it should be."""

    what: str
    against: str
    figure: float | None
    """None: it could not be measured here; `note` says why."""
    target: float
    unit: str = "×"
    at_most: bool = False
    """The target is an upper bound, not a lower one."""
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `MISSED` or `not measured`."""
        if self.figure is None:
            return "not measured"
        return "met" if (self.figure <= self.target if self.at_most else self.figure >= self.target) else "MISSED"

    @property
    def cells(self) -> list[str]:
        """For a table."""
        figure = "" if self.figure is None else _number(self.figure) + self.unit
        bound = ("≤ " if self.at_most else "≥ ") + _number(self.target) + self.unit
        return [self.what, self.against, figure, bound, self.verdict, self.note]


HEADS = ["what", "against", "measured", "target", "verdict", "notes"]


class Seconds(NamedTuple):
    """The fastest turn of a side, in wall time and in CPU time of this process."""

    wall: float
    cpu: float


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Options that every script has: `--long`, and `--threads` of torch and OpenMP."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--long", action="store_true", help="larger shapes, more rounds")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    return made


def in_turns(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Seconds]:
    """Call the sides one after another, `rounds` times; the fastest turn of each counts."""
    taken: dict[str, list[Seconds]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            began = time.perf_counter(), time.process_time()
            call()
            taken[name].append(Seconds(time.perf_counter() - began[0], time.process_time() - began[1]))
    return {name: Seconds(min(t.wall for t in turns), min(t.cpu for t in turns)) for name, turns in taken.items()}


def peak_rss() -> int:
    """The most memory that this process ever had resident, in bytes (Linux).

    Not `ru_maxrss`: a process inherits that from the one that started it.
    """
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def elsewhere(script: str, *arguments: object, threads: int = 2) -> Any:
    """Run `python -m bench.<script> --child ARGUMENTS`, which prints JSON last; for memory and cold starts."""
    command = [sys.executable, "-m", f"bench.{script}", "--threads", str(threads), "--child", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, "OMP_NUM_THREADS": str(threads)}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {done.returncode}; its errors are above")
    return json.loads(done.stdout.splitlines()[-1])


def table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    lines = [HEADS, ["---"] * len(HEADS), *(row.cells for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def publish(script: str, setting: str, rows: Sequence[Row], details: Any = None) -> None:
    """Print the rows of a script and write them with whatever else it measured as `results/<script>.json`."""
    print(f"{setting}\n\n{table(rows)}\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    content = {"setting": setting, "rows": [asdict(row) for row in rows], "details": details}
    (RESULTS / f"{script}.json").write_text(json.dumps(content, indent=1))


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:.1e}" if abs(value) < 0.01 else f"{value:.3g}"
