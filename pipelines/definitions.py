"""The code location: everything that Dagster serves."""

import dagster as dg

from pipelines.console import progress_logger
from pipelines.defs import automation, benchmark, data, mlpo, models, proposals, sft
from pipelines.io.version_refs import VersionRefIOManager
from pipelines.settings import settings

defs = dg.Definitions(
    assets=[
        settings,
        *data.ASSETS,
        *models.ASSETS,
        *proposals.ASSETS,
        *sft.ASSETS,
        *mlpo.ASSETS,
        *benchmark.ASSETS,
    ],
    jobs=[automation.CHAIN],
    sensors=[automation.experiment_files, automation.abandoned_runs, automation.failure_hook, automation.changed],
    schedules=[automation.nightly],
    resources={"io_manager": VersionRefIOManager()},
    loggers={"console": dg.colored_console_logger, "progress": progress_logger},
    # Phases are processes already: one more per step would only cost imports.
    executor=dg.in_process_executor,
)
