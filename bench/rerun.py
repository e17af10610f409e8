"""Seconds of a run of the whole `tiny` chain that finds every version in place, and of Dagster's own start.

    python -m bench.rerun

Needs what `make demo` left below `MLPO_ROOT` (default `./.mlpo`); elsewhere the row says that it is not measured.
"""

import os
import subprocess
import sys
import time

from bench.common import REPOSITORY, Row, parser, publish
from mlpo_core.chain.experiments import find
from mlpo_core.chain.spec import versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.store import Store

_WHAT = "no-op re-run of the whole `tiny` chain"


def seconds(*command: str) -> float:
    """Wall seconds of a Python process."""
    environment = {"DAGSTER_HOME": str(REPOSITORY), **os.environ}
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=REPOSITORY, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Print the table and write it as JSON."""
    parser(__doc__).parse_args()
    experiment = find("tiny")
    missing = [s for s in STAGES if s not in versions(experiment, Store()) and not STAGES[s].skipped(experiment)]
    if missing:
        row = Row(_WHAT, "", None, 30.0, " s", at_most=True, note=f"no {missing[0]}: run `make demo` first")
    else:
        start = min(seconds("-c", "import pipelines.definitions") for _ in range(2))
        row = Row(
            *(_WHAT, "", min(seconds("-m", "pipelines.demo") for _ in range(2)), 30.0, " s"),
            at_most=True,
            note=f"of which {start:.1f} s import Dagster and the definitions",
        )
    publish("rerun", "fastest of two runs, wall time", [row])


if __name__ == "__main__":
    main()
