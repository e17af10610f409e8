"""Where a report's figures come from: settings, versions, models, code, and the commands that make them again."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import yaml

from mlpo_core.benchmark.report.views import View
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.config import OPERATION
from mlpo_core.store import Dataset


class Provenance(NamedTuple):
    """Everything needed to check a figure."""

    software: str
    versions: View
    models: View
    settings: str
    """YAML."""
    commands: Sequence[tuple[str, str]]
    """What for, and the command."""


def provenance(experiment: Experiment, partition: str, chain: Mapping[str, Dataset]) -> Provenance:
    """The provenance of a report.

    Args:
        experiment: With every section but those that change no result (`OPERATION`).
        partition: Its name.
        chain: Every version that the report rests on.
    """
    return Provenance(
        software=f"mlpo {_installed('mlpo')}",
        versions=_versions(chain),
        models=_models(chain),
        settings=settings(experiment),
        commands=_commands(partition, chain),
    )


def settings(experiment: Experiment) -> str:
    """The resolved settings as YAML."""
    values = experiment.model_dump(mode="json", include=set(Experiment.model_fields) - OPERATION)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _versions(chain: Mapping[str, Dataset]) -> View:
    rows: list[list[str]] = []
    for asset, dataset in chain.items():
        manifest = dataset.manifest
        libraries = ", ".join(f"{name} {v}" for name, v in manifest.versions.items() if name != "code")
        code = manifest.versions.get("code", "")
        rows.append([asset, manifest.key, manifest.digest[:16], code, libraries or "–", manifest.created])
    return View(
        "versions",
        "Versions",
        "The key names the inputs, settings and code that a version was asked for with; the digest is of its rows.",
        ["asset", "key", "digest", "code", "libraries", "made"],
        rows,
        labels=6,
    )


def _models(chain: Mapping[str, Dataset]) -> View:
    columns = ("name", "model", "revision")
    found = chain["base_models"].rows(columns) if "base_models" in chain else ()
    rows = [[row[c] for c in columns] for row in found]
    return View("models", "Models", "The frozen agents and the untrained leader.", columns, rows, labels=3)


def _commands(partition: str, chain: Mapping[str, Dataset]) -> list[tuple[str, str]]:
    assets = [*(a for a in chain if a != "benchmark_report"), "benchmark_report"]
    runs = [f"python -m mlpo_core run {asset} --experiment {partition}" for asset in assets]
    figure = (
        "python -c \"import pyarrow.parquet as pq; print(pq.read_table('metrics.parquet', "
        "filters=[('table', '=', 'accuracy')]).to_pandas().to_string())\""
    )
    trace = f"python -m mlpo_core trace ID --experiment {partition}"
    return [
        ("This report, stage by stage; what is there is reused", "\n".join(runs)),
        ("The figures of a table: every cell is a row of metrics.parquet beside this file", figure),
        ("The rows behind one prediction, and the cells it counts in", trace),
    ]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed as a package)"
