"""What `dev_rounds` holds is read by round, seat and seed."""

from mlpo_core.advice.gain import gain
from mlpo_core.advice.rounds import rounds
from mlpo_core.tasks.rows import task_of
from tests import mini_chain as mini
from tests.core.advice import teams


def generation(task: dict, method: str, round_: int, agent: str, right: bool) -> dict:
    return {
        "generation_id": f"{task['task_id']}-{method}-{round_}-{agent}",
        "method": method,
        "seed": 1,
        "task_id": task["task_id"],
        "round": round_,
        "role": "leader" if agent == "leader" else "agent",
        "agent": agent,
        "input_ids": [],
        "shortened": None,
        "response": "",
        "extracted": task["answer"] if right else "-1",
        "correct": right,
        "prompt_tokens": 1,
        "cached_prompt_tokens": 0,
        "completion_tokens": 1,
        "finish_reason": "stop",
        "amortised_s": 0.0,
    }


def led(n: int, split: str) -> list[dict]:
    """A leader that is right alone on every fourth task, with its team on every second, after two rounds on all; agents
    of whom alpha alone learns from it."""
    task = mini.task(n, split)
    alone, first = n % 4 == 0, n % 2 == 0
    return [
        generation(task, "mlpo_leader/solo", 0, "leader", alone),
        generation(task, "mlpo_leader/team", 0, "leader", first),
        *(generation(task, "mlpo_leader/team", 1, agent, agent == "alpha") for agent in mini.AGENTS),
        generation(task, "mlpo_leader/team", 1, "leader", True),
    ]


def test_every_round_is_read(tmp_path) -> None:
    said = [row for n in range(20, 60) for row in led(n, "dev")]
    there = teams.team(tmp_path, teams.one_mind(0.0), train=20, dev=40, dev_rounds=said)
    config = mini.experiment(inference={"rounds": 2})
    tasks = [task_of(row) for row in there["tasks"].rows() if row["split"] == "dev"]
    found = rounds(config, there, tasks)
    assert found and found.last == 2 and found.revised is not None
    shares = [float(array.mean()) for array in (found.alone, found.first_round, found.last_round, found.proposed)]
    assert shares == [0.25, 0.5, 1.0, 0.0]
    assert found.revised.shape == (3, 40) and found.revised.mean() == 1 / 3
    assert gain(found.last_round, found.first_round).shown
    assert rounds(config, {name: there[name] for name in ("tasks", "agent_proposals")}, tasks) is None


def test_a_team_that_does_not_revise_has_one_round(tmp_path) -> None:
    said = [row for n in range(20, 60) for row in led(n, "dev") if row["round"] == 0]
    there = teams.team(tmp_path, teams.one_mind(0.0), train=20, dev=40, dev_rounds=said)
    config = mini.experiment(inference={"rounds": 1})
    found = rounds(config, there, [task_of(row) for row in there["tasks"].rows() if row["split"] == "dev"])
    assert found and found.revised is None and (found.first_round == found.last_round).all()
