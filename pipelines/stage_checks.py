"""The checks of a stage in Dagster: one state per experiment, and a run of their own without making anything again."""

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager

import dagster as dg

from mlpo_core.chain.spec import Outcome, Spec, subject
from mlpo_core.checks import checks_of, verify
from mlpo_core.checks.finding import Finding
from mlpo_core.store import VersionRef
from pipelines.partitions import EXPERIMENTS
from pipelines.tags import FRESH

REPRODUCED = "reproduced"
ABSENT = "not part of this experiment"


def check_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """What holds of every version of an asset, experiment by experiment."""
    declared = [(check.name, check.description, check.blocking) for check in checks_of(asset)]
    text = f"A re-run under the tag {FRESH} gave the rows that were there before."
    with quietly():
        return [
            dg.AssetCheckSpec(name, asset=asset, description=description, blocking=blocking, partitions_def=EXPERIMENTS)
            for name, description, blocking in (*declared, (REPRODUCED, text, False))
        ]


@contextmanager
def quietly() -> Generator[None]:
    """Without the warning that partitions of checks are a preview: a user can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield


def results(spec: Spec, outcome: Outcome, before: VersionRef | None) -> list[dg.AssetCheckResult]:
    """What all checks say of an outcome.

    Args:
        spec: What was asked for.
        outcome: What came of it.
        before: What the experiment used until then.
    """
    if outcome.ref is None:
        absent = Finding(passed=True, message=f"{ABSENT}: {outcome.skipped}")
        return _results(spec, lambda _: absent, absent)
    findings = verify(subject(spec, outcome.ref))
    return _results(spec, findings.__getitem__, _reproduced(spec, outcome.ref, before))


def _results(spec: Spec, finding: Callable[[str], Finding], reproduced: Finding) -> list[dg.AssetCheckResult]:
    return [
        *(_result(spec.asset, c.name, finding(c.name), c.blocking) for c in checks_of(spec.asset)),
        _result(spec.asset, REPRODUCED, reproduced, blocking=False),
    ]


def _reproduced(spec: Spec, ref: VersionRef, before: VersionRef | None) -> Finding:
    if not spec.fresh:
        return Finding(passed=True, message="not a fresh re-run: nothing to compare")
    if before is None or before.key == ref.key:
        return Finding(passed=True, message="no earlier version to compare with")
    same = before.digest == ref.digest
    message = "the same rows as before" if same else f"other rows than version {before.key}"
    return Finding(passed=same, message=message, facts={"before": before.digest, "now": ref.digest})


def _result(asset: str, name: str, finding: Finding, blocking: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.passed,
        asset_key=asset,
        check_name=name,
        description=finding.message,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        metadata=finding.facts,
    )
