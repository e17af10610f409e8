"""A chain of synthetic datasets through the real store, up to the predictions of an experiment."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_core.chain.stages import STAGES
from mlpo_core.context import Context
from mlpo_core.experiment import Experiment, parse
from mlpo_core.store import Dataset, Origin, Store, VersionRef

AGENTS = ("alpha", "beta", "gamma")
SUBJECTS = ("sum", "sort")
NOT_RUN = {"debate": "not selected in benchmark.methods"}
# method, rounds: chance to be right, by how many of the three agents are right
WAYS: Mapping[tuple[str, int], tuple[float, float, float, float]] = {
    **{(f"single:{a}", 0): (0, 0, 0, 0) for a in AGENTS},
    ("majority_vote@3", 0): (0, 0, 0, 0),
    ("majority_vote@12", 0): (0.1, 0.5, 0.9, 1.0),
    ("any_correct", 0): (0, 1, 1, 1),
    ("best_of_team", 0): (0, 0.4, 0.7, 1.0),
    ("untrained_leader/team", 1): (0.1, 0.4, 0.7, 0.9),
    ("untrained_leader/team", 2): (0.1, 0.4, 0.6, 0.9),
    ("untrained_leader/solo", 0): (0.4, 0.5, 0.5, 0.6),
    ("sft_leader/team", 1): (0.15, 0.5, 0.75, 0.95),
    ("sft_leader/team", 2): (0.15, 0.45, 0.75, 0.95),
    ("mlpo_leader/team", 1): (0.3, 0.7, 0.9, 0.97),
    ("mlpo_leader/team", 2): (0.3, 0.65, 0.9, 0.97),
    ("mlpo_leader/solo", 0): (0.45, 0.6, 0.6, 0.7),
}

Change = Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]]


def experiment(name: str = "synthetic", **sections: Any) -> Experiment:
    """An experiment with three agents and a leader."""
    raw = {
        "name": name,
        "description": "Synthetic predictions",
        "tasks": [{"benchmark": "procedural", "train": 40, "dev": 0, "test": 200}],
        "team": {"agents": [{"name": a, "model": f"lab/{a}"} for a in AGENTS]},
        "leader": {"model": "lab/leader"},
        "inference": {"rounds": 2},
        **sections,
    }
    return parse(raw, "test")


def build(
    root: Path,
    settings: Experiment | None = None,
    tests: int = 200,
    seeds: tuple[int, ...] = (1,),
    change: Change = lambda asset, rows: rows,
    ways: Mapping[tuple[str, int], tuple[float, float, float, float]] = WAYS,
) -> Context:
    """The context of `benchmark_report`, with every input written; `change` edits an asset's rows first."""
    settings, store = settings or experiment(), Store(str(root))
    tasks = [_task(i, "train" if i < 40 else "test") for i in range(40 + tests)]
    made: dict[str, VersionRef] = {}

    def write(asset: str, rows: list[dict[str, Any]], **stats: Any) -> None:
        writer = store.writer(asset, f"{settings.name}-key")
        writer.write(0, change(asset, rows))
        inputs = {i: made[i] for i in STAGES[asset].inputs if i in made}
        origin = Origin(
            {i: r.digest for i, r in inputs.items()}, {i: r.key for i, r in inputs.items()}, {}, {"code": "1"}
        )
        writer.commit(origin, stats)
        found = store.find(asset, f"{settings.name}-key")
        assert found
        made[asset] = found

    divided = "math: its published test set is divided into train, dev and test (divide_test)"
    write("tasks", tasks, headline={"test": tests}, notes=[divided])
    models = [(a, "agent") for a in AGENTS] + [("leader", "leader")]
    write("base_models", [_model(name, role) for name, role in models])
    write("agent_proposals", [_proposal(t, a, i) for t in tasks[:40] for a in AGENTS for i in range(2)])
    write("hard_tasks", [_hard(t, i) for i, t in enumerate(tasks[:40])], headline={"kept": 30, "easy": 10})
    write("sft_dataset", [_trace(t) for t in tasks[:10]], headline={"backtrack": 10}, Dropped={"all wrong": 3})
    write("sft_leader", _log({"loss": 1.5, "num_tokens": 900.0, "seconds": 0.5}))
    write("mlpo_dataset", [_prompt(t) for t in tasks[:10]], headline={"train_prompts": 10})
    write(
        "mlpo_leader",
        _log({"dev/team/correct": 0.6, "correct": 0.5, "num_tokens": 5000.0, "update_tokens": 100.0, "seconds": 1.0}),
    )
    write("grpo_leader", _log({"correct": 0.4, "seconds": 1.0}))
    write("benchmark_proposals", [_proposal(t, a, 0) for t in tasks[40:] for a in AGENTS])
    write("benchmark_predictions", predictions(tasks[40:], seeds, ways), headline={"methods": 9}, not_run=NOT_RUN)
    inputs = {a: Dataset(made[a]) for a in STAGES["benchmark_report"].inputs if a in made}
    writer = store.writer("benchmark_report", f"{settings.name}-key")
    return Context(settings, inputs, writer, store, settings.name)


def predictions(
    tasks: list[dict[str, Any]],
    seeds: tuple[int, ...],
    ways: Mapping[tuple[str, int], tuple[float, float, float, float]],
) -> list[dict[str, Any]]:
    """Rows of `benchmark_predictions`: agents right half the time, the rest as `ways` says."""
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        draws = np.random.default_rng(seed)
        for task in tasks:
            agents = draws.random(3) < 0.5
            right = int(agents.sum())
            for (method, rounds), chances in ways.items():
                correct = bool(draws.random() < chances[right])
                tie = False
                if method.startswith("single:"):
                    correct = bool(agents[AGENTS.index(method.removeprefix("single:"))])
                if method == "majority_vote@3":
                    tie = right == 1 and bool(draws.random() < 0.5)
                    correct = right >= 2
                shown = right if rounds or method == "majority_vote@3" else -1
                row = _prediction(task, method, seed, rounds, correct, tie, shown)
                row["chance"] = (1 / 3 if tie else float(correct)) if method == "majority_vote@3" else None
                rows.append(row)
    return rows


def _prediction(
    task: dict[str, Any], method: str, seed: int, rounds: int, correct: bool, tie: bool, shown: int
) -> dict[str, Any]:
    calls = 4 * rounds if rounds else int(method.partition("@")[2] or 1)
    return {
        "prediction_id": f"{task['task_id']}-{method}-{seed}-{rounds}",
        "task_id": task["task_id"],
        "benchmark": task["benchmark"],
        "subject": task["subject"],
        "method": method,
        "seed": seed,
        "rounds": rounds,
        "source_ids": [],
        "response": "",
        "extracted": "1" if correct else "0",
        "correct": correct,
        "tie": tie,
        "n_correct_shown": shown,
        "generations": calls,
        "prompt_tokens": 20 * calls,
        "cached_prompt_tokens": 0,
        "completion_tokens": 10 * calls,
        "amortised_s": 0.01 * calls,
    }


def _task(index: int, split: str) -> dict[str, Any]:
    return {
        "task_id": f"task{index:04d}",
        "benchmark": "procedural",
        "subject": SUBJECTS[index % 2],
        "split": split,
        "question": f"question {index}",
        "choices": [],
        "answer": "1",
        "answer_kind": "number",
    }


def _model(name: str, role: str) -> dict[str, Any]:
    return {"name": name, "role": role, "model": f"lab/{name}", "revision": "r1", "path": "", "parameters": 0}


def _proposal(task: dict[str, Any], agent: str, sample: int) -> dict[str, Any]:
    return {
        "proposal_id": f"{task['task_id']}-{agent}-{sample}",
        "task_id": task["task_id"],
        "benchmark": task["benchmark"],
        "split": task["split"],
        "agent": agent,
        "sample_index": sample,
        "response": "1",
        "extracted": "1",
        "correct": True,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "finish_reason": "stop",
        "amortised_s": 0.1,
        "model": f"lab/{agent}",
        "revision": "r1",
        "seed": 1,
        "temperature": 0.7,
        "top_p": 1.0,
        "max_new_tokens": 32,
    }


def _hard(task: dict[str, Any], index: int) -> dict[str, Any]:
    rate = index / 40
    kept = rate < 0.75
    return {
        "task_id": task["task_id"],
        "benchmark": task["benchmark"],
        "split": "train",
        "n": 40,
        "n_correct": index,
        "correct_rate": rate,
        "kept": kept,
        "reason": "kept" if kept else "easy",
    }


def _trace(task: dict[str, Any]) -> dict[str, Any]:
    return {
        "trace_id": f"trace-{task['task_id']}",
        "task_id": task["task_id"],
        "benchmark": task["benchmark"],
        "kind": "backtrack",
        "mode": "team",
        "proposal_ids": [],
        "prompt": task["question"],
        "completion": "<think>2, wait, 1</think><answer>1</answer>",
        "completion_segments": [],
        "draft_ids": [],
        "tokens": 20,
    }


def _prompt(task: dict[str, Any]) -> dict[str, Any]:
    return {
        "prompt_id": f"prompt-{task['task_id']}",
        "task_id": task["task_id"],
        "benchmark": task["benchmark"],
        "split": "train",
        "variant": 0,
        "mode": "team",
        "proposal_ids": [],
        "prompt": task["question"],
        "prompt_tokens": 30,
        "n_correct_shown": 1,
        "answer": "1",
        "answer_kind": "number",
        "choices": [],
        "subject": SUBJECTS[0],
        "question": "question",
    }


def _log(metrics: dict[str, float]) -> list[dict[str, Any]]:
    """Twelve steps; `num_tokens` is a running total, the rest drift a little."""
    return [
        {"step": step, "metric": name, "value": value * step / 12 if name == "num_tokens" else value + 0.01 * step}
        for step in range(1, 13)
        for name, value in metrics.items()
    ]
