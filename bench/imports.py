"""Seconds that importing the code location takes beyond Dagster's own import.

python -m bench.imports
"""

import subprocess
import sys
from collections.abc import Callable
from resource import RUSAGE_CHILDREN, getrusage

from bench.common import REPOSITORY, Row, in_turns, parser, publish

_ROUNDS = 5


def main() -> None:
    """Print the table and write it as JSON."""
    parser(__doc__).parse_args()
    cpu: dict[str, list[float]] = {"dagster": [], "pipelines.definitions": []}

    def importing(module: str) -> Callable[[], object]:
        def call() -> None:
            before = getrusage(RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", f"import {module}"], cwd=REPOSITORY, check=True)
            after = getrusage(RUSAGE_CHILDREN)
            cpu[module].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

        return call

    bare, ours = in_turns({module: importing(module) for module in cpu}, _ROUNDS).values()
    bare_cpu, ours_cpu = (min(seconds) for seconds in cpu.values())
    note = f"{ours.wall:.2f} s and {bare.wall:.2f} s; CPU time {ours_cpu:.2f} s and {bare_cpu:.2f} s"
    row = Row("import of the code location", "Dagster", ours.wall - bare.wall, 2.0, " s more", at_most=True, note=note)
    publish("imports", f"fastest of {_ROUNDS} turns", [row])


if __name__ == "__main__":
    main()
