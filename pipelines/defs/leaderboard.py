"""An asset over all experiments, and the example of one that is downstream of ours: it needs the IO manager's key."""

from collections.abc import Mapping

import dagster as dg

from mlpo_core.store import Dataset
from pipelines.io.version_refs import KEY
from pipelines.leaderboard import picture, rank, table


@dg.asset(
    ins={"reports": dg.AssetIn("benchmark_report", input_manager_key=KEY)},
    group_name="comparison",
    kinds={"table", "dashboard"},
    owners=["team:research"],
)
def leaderboard(reports: Mapping[str, Dataset]) -> dg.MaterializeResult:
    """The headline of every experiment that has a report, the most accurate first: one table and one picture."""
    places = rank(reports)
    shown = {"leaderboard": table(places), "plot: leaderboard": picture(places)} if places else {}
    return dg.MaterializeResult(metadata={"experiments": len(places), **shown})
