"""What must hold of a version before anything expensive is built on it: verified once, by the process that made it.

Findings are kept beside the version in `checks.json`, so reading them again costs one small file.
"""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from mlpo_core.checks import leaders, proposals, report, structure, tasks, training_data
from mlpo_core.checks.finding import Check, Finding, Subject
from mlpo_core.store.files import Folder
from mlpo_core.store.manifest import FINDINGS

VERSION = 2
"""Raised by hand when a check changes, so that older findings are made again."""

_OF_ASSET: Mapping[str, tuple[Check, ...]] = {
    "tasks": tasks.CHECKS,
    "agent_proposals": proposals.CHECKS,
    "benchmark_proposals": proposals.CHECKS,
    "hard_tasks": proposals.FILTER_CHECKS,
    "sft_dataset": training_data.TRACE_CHECKS,
    "mlpo_dataset": training_data.PROMPT_CHECKS,
    "mlpo_leader": leaders.CHECKS,
    "grpo_leader": leaders.CHECKS,
    "score_leader": leaders.CHECKS,
    "benchmark_predictions": report.PREDICTION_CHECKS,
    "benchmark_report": report.CHECKS,
}


class Findings(BaseModel):
    """What the checks of one version found."""

    version: int
    findings: dict[str, Finding]


def checks_of(asset: str) -> tuple[Check, ...]:
    """The checks of an asset, the structural one first."""
    return (*structure.CHECKS, *_OF_ASSET.get(asset, ()))


def verify(subject: Subject) -> dict[str, Finding]:
    """The findings of a version, by check name: read if they are there, else made and kept."""
    folder = Folder(subject.dataset.ref.url)
    if (known := _read(folder)) is not None:
        return known
    findings = {check.name: check.function(subject) for check in checks_of(subject.dataset.ref.asset)}
    folder.replace(FINDINGS, Findings(version=VERSION, findings=findings).model_dump_json(indent=1).encode())
    return findings


def _read(folder: Folder) -> dict[str, Finding] | None:
    raw = folder.read(FINDINGS)
    try:
        kept = Findings.model_validate_json(raw) if raw else None
    except ValidationError:
        return None
    return kept.findings if kept and kept.version == VERSION else None


__all__ = ["Check", "Finding", "Subject", "checks_of", "verify"]
