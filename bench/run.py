"""Run every benchmark and print one table with a verdict per row: `python -m bench.run [--long] [--readme]`.

A script that fails is named and the others still run; the exit code is 1 when one failed. Missed targets do not change
the exit code: they are in the table.
"""

import json
import shutil
import subprocess
import sys
import time

from bench.common import REPOSITORY, RESULTS, Row, parser, table

SCRIPTS = ("update", "step", "trajectory", "proposals", "streaming", "grading", "imports", "rerun", "growth", "serving")
_README = REPOSITORY / "bench" / "README.md"
_MARK = "<!-- latest -->"


def main() -> int:
    """Returns the exit code."""
    options = parser(__doc__)
    options.add_argument("--only", default=",".join(SCRIPTS), help="scripts, with commas between")
    options.add_argument("--readme", action="store_true", help="put table and plot into bench/README.md")
    chosen = options.parse_args()
    rows: list[Row] = []
    failed: list[str] = []
    began = time.monotonic()
    for script in chosen.only.split(","):
        print(f"== {script}", flush=True)
        (RESULTS / f"{script}.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", f"bench.{script}", "--threads", str(chosen.threads)]
        if subprocess.run([*command, *(["--long"] if chosen.long else [])], cwd=REPOSITORY).returncode:
            failed.append(script)
        else:
            rows += [Row(**row) for row in json.loads((RESULTS / f"{script}.json").read_text())["rows"]]
    latest = f"{table(rows)}\n\n{time.monotonic() - began:.0f} s in all." + (
        f" Failed: {', '.join(failed)}." if failed else ""
    )
    print(latest)
    if chosen.readme:
        if "growth" in chosen.only and "growth" not in failed:
            shutil.copy(RESULTS / "growth.png", REPOSITORY / "bench" / "growth.png")
            latest += "\n\n![CPU seconds of every stage over the number of tasks](growth.png)"
        _README.write_text(f"{_README.read_text().split(_MARK)[0]}{_MARK}\n\n{latest}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
