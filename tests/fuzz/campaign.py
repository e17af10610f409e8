"""Attack every parser for an hour in all: `python -m tests.fuzz.campaign --folder DIR`. Goes on where it stopped."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.run import TARGETS, Result, current
from tests.support import REPOSITORY

_SLICE_S = 120.0
_LATE_S = 600.0
"""How much longer than its share a target may take: imports, and making an input that failed smaller."""


def run(name: str, folder: Path, seconds: float, start: int) -> Result:
    """Attack one parser in a process of its own."""
    command = [sys.executable, "-m", "tests.fuzz.run", name, f"--folder={folder}", f"--seconds={seconds}"]
    paths = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*command, f"--seed={start}"],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds + _LATE_S,
        )
    except subprocess.TimeoutExpired:
        return _ended(name, folder, seconds, "no end in sight")
    if done.returncode:
        return _ended(name, folder, seconds, f"ended with {done.returncode}: {done.stderr[-2000:]}")
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def _ended(name: str, folder: Path, seconds: float, how: str) -> Result:
    """A process that said nothing itself: what it parsed then is the failure."""
    where = current(folder, name)
    kept = folder / "failures" / f"{name}-process"
    if where.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        where.replace(kept)
    return Result(name, 0, seconds, {str(kept): how})


def table(results: list[Result]) -> str:
    """What every target came to."""
    rows = [("target", "examples", "seconds", "failures")]
    for name in TARGETS:
        mine = [r for r in results if r.target == name]
        failed = {file for r in mine for file in r.failures}
        rows.append((name, str(sum(r.examples for r in mine)), f"{sum(r.seconds for r in mine):.0f}", str(len(failed))))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def main() -> int:
    """Give every target what it lacks of its share; returns 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.campaign", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3600.0, help="of all targets together")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    ledger = folder / "runs.jsonl"
    results = [Result(**json.loads(line)) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    share = options.seconds / len(TARGETS)
    while lacking := {name: share - sum(r.seconds for r in results if r.target == name) for name in TARGETS}:
        name = max(lacking, key=lambda target: lacking[target])
        if lacking[name] < 1:
            break
        result = run(name, folder, min(_SLICE_S, lacking[name]), len(results) << 32)
        results.append(result)
        with ledger.open("a") as lines:
            lines.write(json.dumps(result._asdict()) + "\n")
        for file, text in result.failures.items():
            print(f"{name}: {file}\n{text}", flush=True)
    print(table(results))
    return int(any(result.failures for result in results))


if __name__ == "__main__":
    sys.exit(main())
