"""The code location: everything that Dagster serves, read from the modules of `pipelines.defs`."""

import warnings

import dagster as dg

import pipelines.defs
from pipelines.console import progress_logger
from pipelines.io.version_refs import KEY, VersionRefIOManager
from pipelines.settings import settings


def _read() -> dg.Definitions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # of the loader; a user can do nothing about it
        return dg.load_definitions_from_package_module(pipelines.defs)


defs = dg.Definitions.merge(
    _read(),
    dg.Definitions(
        assets=[settings],
        resources={KEY: VersionRefIOManager()},
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
        # Phases are processes already: one more per step would only cost imports.
        executor=dg.in_process_executor,
    ),
)
