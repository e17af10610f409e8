"""Materialize one experiment through Dagster and print its report: `python -m pipelines.demo [NAME]`."""

import argparse
import sys
import time
import warnings

import dagster as dg

from mlpo_core.benchmark.report.headline import headline_text
from mlpo_core.chain.experiments import find
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store
from pipelines.abandoned import end_abandoned
from pipelines.definitions import defs
from pipelines.metadata import local_path
from pipelines.partitions import register

_REPORT = "benchmark_report"
_PUBLISHED = "published_leader"


def main() -> int:
    """Register the experiments, run the chain, print the headline table and where the report and the leader are."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.demo", description=__doc__)
    parser.add_argument("experiment", nargs="?", default="tiny")
    name: str = parser.parse_args().experiment
    try:
        find(name)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    started = time.monotonic()
    with dg.DagsterInstance.get() as instance:
        register(instance)
        end_abandoned(instance)
        result = defs.resolve_job_def("experiment_chain").execute_in_process(
            instance=instance,
            partition_key=name,
            run_config={"loggers": {"progress": {}}},
            raise_on_error=False,
        )
        if not result.success:
            for event in result.get_step_failure_events():
                _explain(event)
            return 1
        reused = [m for m in result.get_asset_materialization_events() if _was_reused(m)]
    report = Store().pointed(name, _REPORT)
    assert report is not None  # noqa: S101 - narrows a type
    _print_report(Dataset(report))
    if published := Store().pointed(name, _PUBLISHED):
        stored = Dataset(published).manifest.stored_name("leader")
        print(f"the leader, with its model card: {local_path(f'{published.url}/{stored}')}")
    print(f"{time.monotonic() - started:.0f} s; {len(reused)} assets reused. See it all in the UI: make ui")
    return 0


def _print_report(report: Dataset) -> None:
    print(headline_text(report.manifest))
    pages = [file for file in report.manifest.files if file.endswith(".html")]
    for page in pages:
        print(f"{page.removesuffix('.html')}: {local_path(f'{report.ref.url}/{page}')}")


def _was_reused(event: dg.DagsterEvent) -> bool:
    metadata = event.step_materialization_data.materialization.metadata
    return bool(metadata["reused"].value) if "reused" in metadata else False


def _explain(event: dg.DagsterEvent) -> None:
    data = event.step_failure_data
    failure = data.user_failure_data
    error = data.error
    text = failure.description if failure else (error.message if error else event.message)
    print(f"{event.step_key} failed: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
