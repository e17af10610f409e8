"""A small store to view: every kind of outcome, two seeds, two rounds, two experiments, and texts that mean harm."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlpo_core.judging.rows import part_name, put_judged
from mlpo_core.store import Origin, Store, VersionRef
from mlpo_core.store.rollouts import encoded, name_of
from mlpo_core.viewer.outcomes import OUTCOMES

NAME, OTHER = "shelf", "shelf--leader=other,seed=1"
AGENTS = ("alpha", "beta", "gamma")
SEEDS = (7, 8)
TEAM, SOLO, VOTE = "mlpo_leader/team", "mlpo_leader/solo", "majority_vote@3"
_FIRST = {"agreed": "rrw", "settled": "rwv", "overridden": "rww", "synthesis": "wwv"}
_FIRST |= {"lost": "rrw", "undecided": "rwv", "followed": "rww", "nobody": "wwv"}
"""Whether an agent's first answer is right (r), wrong (w), or wrong in another way (v)."""
TAUGHT = {"mlpo_leader": range(1, 53), "grpo_leader": range(1, 3)}
"""The leaders of the first experiment, and the steps of which rollouts are kept."""
JUDGED_TASK = 2
"""The task whose answers a judge was asked about, beside the one whose texts mean harm."""
HOSTILE = 3
"""The task whose texts mean harm."""
HARM = (
    '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1"></pre></article>\x00\x1b[31m'
    "\u202egnihton\u202c {{ 7 * 7 }} javascript:alert(1) <style>body { display: none }</style>"
)
LONG = "w" * 3000


def task_id(number: int) -> str:
    """The id of a task."""
    return f"{number:020x}"


def outcome(number: int) -> str:
    """The outcome of a task under the trained leader with its team, after both rounds."""
    return OUTCOMES[number % len(OUTCOMES)].key


def make(root: Path | str, tasks: int = 64) -> Store:
    """Two experiments in a store of their own; in the other one the leader is right on every third task."""
    store = Store(str(root))
    asked = [_task(n) for n in range(tasks)]
    made = {"tasks": _put(store, "tasks", "a", [*asked, {**_task(tasks), "split": "train"}])}
    made["benchmark_proposals"] = _put(store, "benchmark_proposals", "b", [p for t in asked for p in _proposals(t)])
    for name, key in ((NAME, "c"), (OTHER, "d")):
        rounds = [row for n, t in enumerate(asked) for seed in SEEDS for row in _rounds(name, n, t, seed)]
        inputs = {**made, "team_rounds": _put(store, "team_rounds", key, rounds, part=len(rounds) // 3 + 1)}
        predictions = [p for n, t in enumerate(asked) for seed in SEEDS for p in _predictions(name, n, t, seed)]
        ref = _put(store, "benchmark_predictions", key, predictions, inputs)
        store.point(name, ref)
    for leader, steps in TAUGHT.items():
        store.point(NAME, _leader(store, leader, steps))
    return store


def _leader(store: Store, leader: str, steps: Sequence[int]) -> VersionRef:
    """A leader with rollouts of two groups a step, the first worth more; in step 2 a group's are all worth the same."""
    writer = store.writer(leader, "e" * 20)
    writer.write(0, [{"step": steps[-1], "metric": "loss", "value": 0.0}])
    for step in steps:
        writer.put(name_of(step), encoded(row for group in range(2) for row in _group(step, group)))
    writer.commit(Origin({}, {}, {}, {"code": "1"}), {})
    ref = store.find(leader, "e" * 20)
    assert ref
    return ref


def _group(step: int, group: int) -> list[dict[str, Any]]:
    task = _task(HOSTILE if group else step)
    right = [not group] * 4 if step == 2 else [sample < (1 if group else 3) for sample in range(4)]
    rewards = [1.1 * r for r in right]
    return [
        {
            "step": step,
            "prompt_id": f"prompt-{group}",
            "task_id": task["task_id"],
            "benchmark": task["benchmark"],
            "mode": "solo" if group else "team",
            "round": 0,
            "question": task["question"],
            "answer": task["answer"],
            "prompt": f"{task['question']}\nThe team says: nothing.",
            "completion": _text(task, f"the leader at step {step}", task["answer"], think=True),
            "completion_tokens": 40,
            "truncated": False,
            "correct": is_right,
            "marked": True,
            "well_formed": True,
            "reward": reward,
            "terms": [{"term": "correct", "value": reward / 1.1}, {"term": "format", "value": 0.1 * reward / 1.1}],
            "advantage": reward - sum(rewards) / 4,
        }
        for is_right, reward in zip(right, rewards, strict=True)
    ]


def _put(
    store: Store,
    asset: str,
    key: str,
    rows: Sequence[dict[str, Any]],
    inputs: dict[str, VersionRef] | None = None,
    part: int = 10**6,
) -> VersionRef:
    writer = store.writer(asset, key * 20)
    name = {"benchmark_proposals": "proposal_id", "team_rounds": "generation_id"}.get(asset)
    for index, start in enumerate(range(0, len(rows), part)):
        if name:
            put_judged(
                writer, part_name(index), [_judged(row, name) for row in rows[start : start + part] if _asked(row)]
            )
        writer.write(index, rows[start : start + part])
    of = inputs or {}
    digests, keys = {a: r.digest for a, r in of.items()}, {a: r.key for a, r in of.items()}
    writer.commit(Origin(digests, keys, {}, {"code": "1"}), {})
    ref = store.find(asset, key * 20)
    assert ref
    return ref


def _asked(row: dict[str, Any]) -> bool:
    return row["task_id"] in {task_id(JUDGED_TASK), task_id(HOSTILE)}


def _judged(row: dict[str, Any], name: str) -> dict[str, Any]:
    """What a judge said of a row; of wrong answers it said nothing that could be read."""
    reason = f"It says {row['extracted']}, as it should.{HARM}" if row["correct"] else ""
    failure = "" if row["correct"] else "no verdict in 3 replies"
    spent = {"calls": 1, "prompt_tokens": 90, "completion_tokens": 9, "dollars": 0.001}
    about = {"id": row[name], "task_id": row["task_id"], "extracted": row["extracted"], "right": row["correct"]}
    return {**about, "reason": reason, "failure": failure, **spent}


def _task(number: int) -> dict[str, Any]:
    harm = f" {HARM} {LONG}" if number == HOSTILE else ""
    return {
        "task_id": task_id(number),
        "benchmark": "mmlu" if number % 2 else "procedural",
        "subject": ("sum", "law", "sort")[number % 3],
        "split": "test",
        "question": f"What is {number} plus {number}?\nGive the number.{harm}",
        "choices": [f"{2 * number}", "nothing at all", f"minus {number}"] if number % 2 else [],
        "answer": "A" if number % 2 else str(2 * number),
        "answer_kind": "option" if number % 2 else "number",
    }


def _answer(task: dict[str, Any], letter: str) -> str:
    return {"r": task["answer"], "w": "B", "v": "C"}[letter]


def _text(task: dict[str, Any], who: str, answer: str, think: bool = False) -> str:
    harm = f"{HARM} {LONG}" if task["task_id"] == task_id(HOSTILE) else ""
    reasons = f"{who} adds the two numbers, carries nothing, and looks at the result once more.{harm}"
    said = f"<answer>{answer}</answer>"
    return f"<think>\n{reasons}\n</think>\n{said}" if think else f"{reasons}\n{said}"


def _proposals(task: dict[str, Any]) -> list[dict[str, Any]]:
    number = int(task["task_id"], 16)
    rows: list[dict[str, Any]] = []
    for agent, letter in zip(AGENTS, _FIRST[outcome(number)], strict=True):
        for sample in range(len(SEEDS)):
            answer = _answer(task, letter)
            rows.append(
                {
                    "proposal_id": f"{task['task_id']}-{agent}-{sample}",
                    "task_id": task["task_id"],
                    "benchmark": task["benchmark"],
                    "split": "test",
                    "agent": agent,
                    "sample_index": sample,
                    **_written(_text(task, agent, answer), answer, letter == "r"),
                    "model": f"lab/{agent}",
                    "revision": "r1",
                    "seed": sample,
                    "temperature": 0.7,
                    "top_p": 1.0,
                    "max_new_tokens": 32,
                }
            )
    return rows


def _written(text: str, answer: str, right: bool) -> dict[str, Any]:
    return {
        "response": text,
        "extracted": answer,
        "correct": right,
        "prompt_tokens": 120,
        "completion_tokens": 40,
        "finish_reason": "stop",
        "amortised_s": 0.1,
    }


def _right(name: str, number: int) -> bool:
    return number % 3 == 0 if name == OTHER else OUTCOMES[number % len(OUTCOMES)].right


def _rounds(name: str, number: int, task: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """The leader after the first answers, the agents once more, the leader again; and the leader alone."""
    right = _right(name, number)
    final, first = (_answer(task, "r" if right else "w") for _ in range(2))
    sample = SEEDS.index(seed)
    seats = [f"{task['task_id']}-{agent}-{sample}" for agent in AGENTS]
    rows = [_generation(TEAM, seed, task, 0, "leader", "leader", seats, first, right)]
    led, revised = rows[0]["generation_id"], list[str]()
    for agent, own in zip(AGENTS, seats, strict=True):
        rows.append(_generation(TEAM, seed, task, 1, "agent", agent, [own, led], final, right))
        revised.append(rows[-1]["generation_id"])
    rows.append(_generation(TEAM, seed, task, 1, "leader", "leader", revised, final, right))
    rows.append(_generation(SOLO, seed, task, 0, "leader", "leader", [], "B", False))
    return rows


def _generation(
    method: str,
    seed: int,
    task: dict[str, Any],
    round_: int,
    role: str,
    agent: str,
    inputs: list[str],
    answer: str,
    right: bool,
) -> dict[str, Any]:
    return {
        "generation_id": _id(method, seed, task, round_, agent),
        "method": method,
        "seed": seed,
        "task_id": task["task_id"],
        "round": round_,
        "role": role,
        "agent": agent,
        "input_ids": inputs,
        **_written(_text(task, f"{agent} in round {round_}", answer, role == "leader"), answer, right),
        "cached_prompt_tokens": 0,
    }


def _id(method: str, seed: int, task: dict[str, Any], round_: int, agent: str) -> str:
    return f"{task['task_id']}-{method}-{seed}-{round_}-{agent}"


def _predictions(name: str, number: int, task: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    right = _right(name, number)
    answer = _answer(task, "r" if right else "w")
    sample = SEEDS.index(seed)
    votes = [f"{task['task_id']}-{agent}-{sample}" for agent in AGENTS]
    letters = _FIRST[outcome(number)]
    return [
        _prediction(task, TEAM, seed, 1, [_id(TEAM, seed, task, 0, "leader")], answer, right),
        _prediction(task, TEAM, seed, 2, [_id(TEAM, seed, task, 1, "leader")], answer, right),
        _prediction(task, SOLO, seed, 0, [_id(SOLO, seed, task, 0, "leader")], "B", False),
        _prediction(task, VOTE, seed, 0, votes, _answer(task, letters[0]), letters[0] == "r"),
    ]


def _prediction(
    task: dict[str, Any], method: str, seed: int, rounds: int, sources: list[str], answer: str, right: bool
) -> dict[str, Any]:
    return {
        "prediction_id": f"{task['task_id']}-{method}-{seed}-{rounds}",
        "task_id": task["task_id"],
        "benchmark": task["benchmark"],
        "subject": task["subject"],
        "method": method,
        "seed": seed,
        "rounds": rounds,
        "source_ids": sources,
        "response": f"<answer>{answer}</answer>",
        "extracted": answer,
        "correct": right,
        "tie": False,
        "chance": None,
        "n_correct_shown": 1,
        "generations": 4,
        "prompt_tokens": 480,
        "cached_prompt_tokens": 0,
        "completion_tokens": 160,
        "amortised_s": 0.4,
    }
