"""The adaptive leader stops where its policy says, and pays for what it asked and for nothing else."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlpo_core.experiment import Stop
from mlpo_core.methods.adaptive import Adaptive, Course, Policy, courses, policies, together
from mlpo_core.methods.evidence import Cube, Shard
from mlpo_core.methods.protocol import Seed
from mlpo_core.methods.texts import Texts
from mlpo_core.tasks.rows import task_of
from tests.mini_chain import AGENTS, experiment, task

SEED = Seed(1, 0)
FIRST, LATER, SOLO = 10, 100, 1000
"""Tokens of an agent's first answer, of any answer of a round, and of the leader alone."""


def row(method: str, round_: int, agent: str, answer: str) -> dict[str, Any]:
    tokens = SOLO if method.endswith("solo") else LATER
    return {
        "generation_id": f"{method}-{round_}-{agent}",
        "role": "leader" if agent == "leader" else "agent",
        "response": answer,
        "extracted": answer or None,
        "correct": answer == "7",
        "prompt_tokens": tokens,
        "cached_prompt_tokens": 0,
        "completion_tokens": 0,
        "amortised_s": 0.0,
    }


def shard(first: str, alone: str, *rounds: tuple[str, str]) -> Shard:
    """One task whose right answer is 7.

    Args:
        first: One letter per agent: its first answer; `-` for none.
        alone: What the leader says alone.
        rounds: What the leader says and, one letter each, the agents before it (of the first round left out).
    """
    [of] = [task_of(task(7, "test"))]
    shape = (1, len(AGENTS), 1)
    index = np.arange(len(AGENTS)).reshape(shape)
    answers = [None if a == "-" else a for a in first]
    known = sorted({a for a in answers if a})
    tokens = np.full(shape, float(FIRST))
    cube = Cube(
        **{
            name: Texts(pa.chunked_array([pa.array(values, pa.string())]), index)
            for name, values in (("proposal_id", list(AGENTS)), ("response", list(first)), ("extracted", answers))
        },
        correct=np.array([a == "7" for a in answers]).reshape(shape),
        prompt_tokens=tokens,
        completion_tokens=0 * tokens,
        amortised_s=0 * tokens,
        codes=np.array([-1 if a is None else known.index(a) for a in answers]).reshape(shape),
        answers=known,
    )
    said: dict[tuple[str, int, str, int], list[dict[str, Any]]] = {
        ("mlpo_leader/solo", 1, of.task_id, 0): [row("mlpo_leader/solo", 0, "leader", alone)]
    }
    for t, (leader, team) in enumerate(rounds):
        agents = zip(AGENTS, team, strict=True) if t else ()
        said["mlpo_leader/team", 1, of.task_id, t] = [
            *(row("mlpo_leader/team", t, name, answer) for name, answer in agents),
            row("mlpo_leader/team", t, "leader", leader),
        ]
    return Shard([of], AGENTS, cube, said)


def course(*said: Any) -> Course:
    [found] = courses(shard(*said), AGENTS, SEED)
    return found


@pytest.mark.parametrize(
    ("policy", "response", "calls", "tokens"),
    [
        (Policy(0, 0), "5", 4, 3 * FIRST + LATER),  # one round
        (Policy(0, 1), "5", 4, 3 * FIRST + LATER),  # one agent says what the leader says
        (Policy(0, 2), "7", 8, 3 * FIRST + 5 * LATER),
        (Policy(0, 4), "7", 12, 3 * FIRST + 9 * LATER),  # all rounds
        (Policy(1, 0), "5", 5, 3 * FIRST + LATER + SOLO),  # asked alone, says otherwise: that is paid for
        (Policy(2, 0), "5", 4, 3 * FIRST + LATER),  # the first two differ: it is not asked alone
    ],
)
def test_it_stops_where_the_policy_says(policy: Policy, response: str, calls: int, tokens: int) -> None:
    end = course("758", "6", ("5", "---"), ("7", "775"), ("7", "777")).end(policy)
    assert (end.row["response"], end.calls, end.tokens) == (response, calls, tokens)


def test_where_the_first_agents_and_the_leader_agree_nobody_else_is_asked() -> None:
    found = course("778", "7", ("8", "---"))
    for first in (1, 2):
        end = found.end(Policy(first, 4))
        assert (end.row["response"], end.calls, end.tokens) == ("7", first + 1, first * FIRST + SOLO)
        assert end.shown == -1
    assert found.end(Policy(0, 0)).shown == 2


def test_what_has_no_answer_agrees_with_nothing() -> None:
    assert together([None, None], None) is None and together(["7"], None) is False and together(["7", "7"], "7")
    assert course("---", "", ("", "---"), ("7", "777")).end(Policy(1, 1)).calls == 8


def test_a_price_decides_between_tokens_and_right_answers() -> None:
    class Past:
        """Dev tasks of which only many rounds make the leader right."""

        def dev_shards(self):
            return iter([shard("585", "5", ("5", "---"), ("7", "775"))])

    chosen = [Adaptive(AGENTS, (1,), Stop(price=price)).fit(Past()) for price in (0.0, 10_000.0)]  # pyright: ignore
    assert [p.learned["reached"] for p in chosen] == [1.0, 0.0]  # pyright: ignore
    assert chosen[1].policy == Policy(0, 0)  # pyright: ignore


def test_it_is_run_only_for_a_price() -> None:
    method = Adaptive(AGENTS, (1,), None)
    assert method.unavailable(experiment(), 1) == "inference.stop is not set"
    assert Adaptive(AGENTS, (1,), Stop(price=0.1)).unavailable(experiment(), 1) is None
    assert {p.first for p in policies(3, 5)} == {0, 1, 2} and Policy(0, 4) in policies(3, 5)
    assert {p.agree for p in policies(3, 1)} == {0}
