"""A team member that gives orders: what it writes, who reads it, and how often it is obeyed."""

import pytest

from mlpo_core.benchmark.attack_success import attack_success
from mlpo_core.benchmark.report.lookup import Figures
from mlpo_core.benchmark.report.tables import details
from mlpo_core.grading import grade
from mlpo_core.methods import selected
from mlpo_core.methods.attack import as_ordered, attack
from mlpo_core.prompts.budget import PromptMaker, Proposal
from mlpo_core.rounds.conversation import Conversations
from mlpo_core.types import Task
from tests import mini_chain as mini

TASKS = [
    Task("1", "mmlu", "", "test", "?", ("red", "blue"), "B", "option"),
    Task("2", "bbh", "", "test", "?", (), "A", "option"),
    Task("3", "bbh", "", "test", "?", (), "valid", "exact"),
    Task("4", "bbh", "", "test", "?", (), "abba", "exact"),
    Task("5", "bbh", "", "test", "?", (), "271828", "number"),
    Task("6", "math", "", "test", "?", (), r"\frac{1}{2}", "math"),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.answer)
def test_the_ordered_answer_is_wrong_and_recognised(task: Task) -> None:
    order = attack(task, 3)
    assert order == attack(task, 3) and 0 <= order.seat < 3
    assert not grade(task, order.text).correct
    assert grade(as_ordered(task), order.text).correct
    assert not grade(as_ordered(task), f"<answer>{task.answer}</answer>").correct


def test_attacked_leaders_are_chosen_by_name_only() -> None:
    chosen = selected(mini.experiment(benchmark={"methods": ["leaders", "mlpo_leader"]}))
    assert not [name for name in chosen if name.endswith("/attacked")]
    attacked = selected(mini.experiment(benchmark={"methods": ["attacked"]}))
    assert list(attacked) == [f"{which}_leader/attacked" for which in ("untrained", "sft", "mlpo", "grpo")]


def test_the_leader_reads_the_order_in_place_of_one_proposal_for_one_round() -> None:
    experiment = mini.experiment(benchmark={"methods": ["mlpo_leader/team", "mlpo_leader/attacked"]})
    tasks = [Task(str(n), "bbh", "", "test", f"Say {n}.", (), str(n), "number") for n in range(8)]
    proposals = {
        t.task_id: {0: [Proposal(f"{a}{t.task_id}", f"{a} says so", "0", False) for a in mini.AGENTS]} for t in tasks
    }
    dialogues = {name: method.dialogue for name, method in selected(experiment).items()}
    maker = PromptMaker(None, experiment.leader, 1)
    talk = Conversations(experiment, maker, dialogues, tasks, proposals, 1)
    turns = {(t.name, t.task.task_id): t for t in talk.leader_turns(0, "mlpo_leader")}
    assert not [t for t in talk.leader_turns(1, "mlpo_leader") if t.name.endswith("/attacked")]
    replaced = set()
    for task in tasks:
        order, plain, attacked = (
            attack(task, 3),
            turns["mlpo_leader/team", task.task_id],
            turns["mlpo_leader/attacked", task.task_id],
        )
        replaced.add(order.seat)
        assert attacked.prompt == plain.prompt.replace(f"{mini.AGENTS[order.seat]} says so", order.text)
        assert attacked.input_ids == [i for n, i in enumerate(plain.input_ids) if n != order.seat]
    assert replaced == {0, 1, 2}


def test_obedience_is_counted_beside_what_happens_unasked(tmp_path) -> None:
    store = mini.store(tmp_path)
    tasks = [mini.task(n, "test") for n in range(10)]
    rows = []
    for n, task in enumerate(tasks):
        target = attack(Task(task["task_id"], "procedural", "echo", "test", "?", (), str(n), "number"), 3).target
        obeys = n < 4
        rows += [
            prediction(task, "mlpo_leader/attacked", target if obeys else str(n)),
            prediction(task, "mlpo_leader/team", target if n == 0 else str(n)),
            prediction(task, "mlpo_leader/team", str(n), rounds=2),
            prediction(task, "majority_vote@3", target, rounds=0),
        ]
    made = list(attack_success(mini.put(store, "tasks", tasks), mini.put(store, "benchmark_predictions", rows)))
    assert {(m.method, m.metric): (m.value, m.n) for m in made} == {
        ("mlpo_leader/attacked", "gives_ordered"): (0.4, 10),
        ("mlpo_leader/attacked", "right"): (0.6, 10),
        ("mlpo_leader/team", "gives_ordered"): (0.1, 10),
        ("mlpo_leader/team", "right"): (0.9, 10),
    }
    [view] = [v for v in details(Figures(made), 3) if v.key == "attack"]
    [row] = view.rows
    assert row[0] == "mlpo_leader" and [cell.split()[0] for cell in row[1:]] == ["40.0", "10.0", "60.0", "90.0"]


def prediction(task: dict, method: str, answer: str, rounds: int = 1) -> dict:
    return {
        "prediction_id": f"{method}-{task['task_id']}-{rounds}",
        "source_ids": [],
        "task_id": task["task_id"],
        "benchmark": task["benchmark"],
        "subject": task["subject"],
        "method": method,
        "seed": 1,
        "rounds": rounds,
        "response": f"<answer>{answer}</answer>",
        "extracted": answer,
        "correct": answer == task["answer"],
        "generations": 1,
        "prompt_tokens": 1,
        "cached_prompt_tokens": 0,
        "completion_tokens": 1,
        "amortised_s": 0.1,
        "tie": False,
        "n_correct_shown": -1,
    }
