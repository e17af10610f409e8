"""Answers every test task with every selected method, for every seed, and counts what each answer cost.

Tasks are taken in shards; a shard's proposals are arrays, so a vote of thousands needs no row-by-row work, and memory
does not grow with the number of tasks.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.methods import Answer, Method, Seed, all_methods, selected
from mlpo_core.methods.adaptive import LearnedStop
from mlpo_core.methods.evidence import History, Shard, read_cube, read_rounds, samples_per_agent
from mlpo_core.methods.learned import LearnedVote
from mlpo_core.methods.protocol import Predictor
from mlpo_core.progress import track
from mlpo_core.store.ahead import in_order
from mlpo_core.store.streaming import sums
from mlpo_core.tasks import read_tasks
from mlpo_core.tasks.index import TaskIndex, shards
from mlpo_core.types import Task, stable_id

_SHARD_ROWS = 65536
"""Proposals and generations held at once."""


def run(ctx: Context) -> dict[str, Any]:
    """Write the predictions shard by shard; returns the manifest's stats."""
    tasks = list(read_tasks(ctx.inputs["tasks"], {"test"}).values())
    if not tasks:
        raise BadInput("tasks: there is no test task to compare methods on. Raise tasks.*.test")
    proposals, rounds = ctx.inputs["benchmark_proposals"], ctx.inputs.get("team_rounds")
    agents = [a.name for a in ctx.experiment.team.agents]
    samples = samples_per_agent(proposals, [t.task_id for t in tasks], agents)
    methods, not_run = _methods(ctx, samples)
    history = History(
        read_tasks(ctx.inputs["tasks"], {"train", "dev"}),
        agents,
        ctx.inputs["agent_proposals"],
        proposals,
        ctx.inputs.get("dev_rounds"),
    )
    predictors = {name: method.fit(history) for name, method in methods.items()}
    per_task = samples * len(agents) + (rounds.count() // len(tasks) if rounds else 0)
    work = shards(tasks, max(1, _SHARD_ROWS // per_task))
    index, rounds_index = TaskIndex(proposals), TaskIndex(rounds) if rounds else None
    done = ctx.writer.done()
    missing = [part for part in range(len(work)) if part not in done]

    def read(part: int) -> Shard:
        cube = read_cube(index, work[part], agents, samples)
        return Shard(work[part], agents, cube, read_rounds(rounds_index, work[part]))

    # The next shard is read while methods answer from one.
    read_shards = zip(missing, in_order(read, missing, at_once=2), strict=True)
    for part, shard in track(read_shards, "benchmark_predictions", len(missing), "shards"):
        ctx.writer.write(part, _predict(ctx, shard, predictors))
    return {**_describe(ctx, len(work)), **_learned(ctx, predictors), "not_run": not_run}


def _methods(ctx: Context, samples: int) -> tuple[dict[str, Method], dict[str, str]]:
    """The selected methods that can answer, and why every other method does not."""
    chosen = selected(ctx.experiment)
    rounds = ctx.inputs.get("team_rounds")
    stated: dict[str, str] = rounds.manifest.stats.get("not_run", {}) if rounds else {}
    methods: dict[str, Method] = {}
    not_run: dict[str, str] = {}
    for name, method in (all_methods(ctx.experiment) | chosen).items():
        reason = method.unavailable(ctx.experiment, samples) or stated.get(name)
        if reason is None and name not in chosen:
            reason = "not selected in benchmark.methods"
        if reason:
            not_run[name] = reason
        else:
            methods[name] = method
    if not methods:
        raise BadInput(f"benchmark.methods: none of these can be run: {not_run}")
    return methods, not_run


def _predict(ctx: Context, shard: Shard, predictors: dict[str, Predictor]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, predictor in predictors.items():
        for position, value in enumerate(ctx.experiment.benchmark.seeds):
            answers = list(predictor(shard, Seed(value, position)))
            _check(name, value, answers, shard)
            rows.extend(_row(name, value, answer, shard.tasks[answer.task]) for answer in answers)
    return rows


def _check(name: str, seed: int, answers: Sequence[Answer], shard: Shard) -> None:
    """Every task must be answered, after the same rounds: a method that skips tasks cannot be compared."""
    after = {(answer.task, answer.rounds) for answer in answers}
    rounds = {answer.rounds for answer in answers}
    if len(after) != len(answers) or len(after) != len(shard.tasks) * len(rounds):
        answered = {answer.task for answer in answers}
        missing = [task.task_id for i, task in enumerate(shard.tasks) if i not in answered]
        raise BadInput(
            f"team_rounds: {name}, seed {seed}, has not answered every task once per round (without any answer: "
            f"{', '.join(missing[:5]) or 'none'}). Make team_rounds again"
        )


def _row(name: str, seed: int, answer: Answer, task: Task) -> dict[str, Any]:
    return {
        **answer._asdict(),
        "prediction_id": stable_id("prediction", name, task.task_id, seed, answer.rounds),
        "task_id": task.task_id,
        "benchmark": task.benchmark,
        "subject": task.subject,
        "method": name,
        "seed": seed,
    }


def _learned(ctx: Context, predictors: Mapping[str, Predictor]) -> dict[str, Any]:
    """Keep what votes have learned as files of this version; returns what was chosen on dev."""
    fitted = {name: p.learned for name, p in predictors.items() if isinstance(p, LearnedVote | LearnedStop)}
    for name, learned in fitted.items():
        ctx.writer.put(f"learned/{name}.json", json.dumps(learned, indent=1).encode())
    chosen = {
        name: {
            **{name: ", ".join(v) if isinstance(v, list) else str(v) for name, v in learned["choice"].items()},
            "dev accuracy": learned.get("reached", max(variant["accuracy"] for variant in learned["dev"])),
            "fitted on": learned["fitted_on"],
            "chosen on": learned["chosen_on"],
        }
        for name, learned in fitted.items()
    }
    return {"learned_votes": chosen} if chosen else {}


def _describe(ctx: Context, parts: int) -> dict[str, Any]:
    batches = (batch for part in range(parts) for batch in ctx.writer.part(part).to_batches())
    totals = sums(batches, ("method", "rounds"), ("correct", "tie")).to_pylist()
    accuracy: dict[str, dict[str, float]] = {}
    ties: dict[str, float] = {}
    for row in totals:
        accuracy.setdefault(row["method"], {})[f"T={row['rounds']}"] = round(row["correct"] / row["n"], 4)
        if row["method"].startswith(("majority_vote", "debate", "first_agents")) or "_vote@" in row["method"]:
            ties[f"{row['method']}, T={row['rounds']}"] = round(row["tie"] / row["n"], 4)
    headline = {"methods": len(accuracy), "predictions": sum(row["n"] for row in totals)}
    headline |= {name: list(by_round.values())[-1] for name, by_round in accuracy.items()}
    return {"headline": headline, "accuracy": accuracy, "tie_share": ties}
