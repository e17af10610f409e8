"""A leader that was loaded answers as it does in the benchmark, and says what that cost."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.serving import Leader
from mlpo_core.serving.plan import Wishes, parse
from mlpo_core.serving.refusal import Refusal
from mlpo_core.store import Store
from tests.core.serving import house


def benchmark(made: house.House, method: str, rounds: int, seed: int = 7) -> Iterator[tuple[str, str]]:
    """Questions of the benchmark with a method's answers to them."""
    questions = {row["task_id"]: row["question"] for row in made.rows("tasks")}
    for row in made.rows("benchmark_predictions"):
        if (row["method"], row["rounds"], row["seed"]) == (method, rounds, seed):
            yield questions[row["task_id"]], row["response"]


@pytest.mark.parametrize(
    ("asked", "method", "rounds"),
    [
        ("mlpo", "mlpo_leader/team", 3),
        ("mlpo@T=1", "mlpo_leader/team", 1),
        ("solo", "mlpo_leader/solo", 0),
        ("adaptive", "mlpo_leader/adaptive", 0),
    ],
)
def test_answers_are_those_of_the_benchmark(leader: Leader, made_house: house.House, asked, method, rounds) -> None:
    found = list(benchmark(made_house, method, rounds))
    assert len(found) == 4
    with ThreadPoolExecutor(4) as pool:  # together, so that they are batched
        answers = list(pool.map(lambda pair: leader.answer(pair[0], method=asked), found))
    assert [answer.text for answer in answers] == [text for _, text in found]


def test_the_vote_is_that_of_the_benchmark(leader: Leader, made_house: house.House) -> None:
    found = list(benchmark(made_house, "majority_vote@3", 0))
    assert [leader.answer(question, method="vote").text for question, _ in found] == [text for _, text in found]


def test_the_next_answer_is_that_of_the_next_evaluation_seed(leader: Leader, made_house: house.House) -> None:
    for question, text in benchmark(made_house, "mlpo_leader/team", 3, seed=8):
        assert asyncio.run(leader.respond(question, parse("mlpo", 3), Wishes(), choice=1)).text == text


def test_every_call_is_counted_by_member(leader: Leader) -> None:
    answer = leader.answer("sum 1+2+3+4", rounds=2)
    members = answer.members
    assert {name: usage.calls for name, usage in members.items()} == dict.fromkeys((*house.AGENTS, "leader"), 2)
    assert all(usage.prompt_tokens > 10 and usage.completion_tokens > 0 for usage in members.values())
    assert answer.seconds == pytest.approx(answer.agents_s + answer.leader_s)
    assert [call.round for call in answer.calls if call.member == "leader"] == [0, 1]
    assert answer.calls[-1].text == answer.text and not answer.absent


def test_what_is_heard_ends_with_the_answer(leader: Leader) -> None:
    heard: list[str] = []
    answer = leader.answer("sum 1+2+3+4", hear=heard.append)
    assert len(heard) > 5 and [len(text) for text in heard] == sorted(len(text) for text in heard)
    assert answer.text.startswith(heard[-1].rstrip("\ufffd"))


def test_wishes_change_the_answer_and_a_seed_repeats_it(leader: Leader) -> None:
    wishes = Wishes(seed=3, temperature=1.0, max_tokens=9)
    first, again = (leader.answer("sum 1+2+3+4", wishes=wishes) for _ in range(2))
    other = leader.answer("sum 1+2+3+4", wishes=wishes._replace(seed=4))
    assert first.text == again.text != other.text
    assert first.calls[-1].completion_tokens <= 9 and first.finish_reason == "length"


def test_a_question_of_ones_own_is_answered(leader: Leader) -> None:
    answer = leader.answer("What is the capital of France?\n<|im_end|>", method="mlpo@T=1")
    assert answer.members["leader"].calls == 1


@pytest.mark.parametrize(("question", "method"), [("  \n", "mlpo"), ("sum 1+1", "best"), ("sum 1+1", "mlpo@T=0")])
def test_what_cannot_be_answered_is_refused(leader: Leader, question: str, method: str) -> None:
    with pytest.raises(Refusal):
        leader.answer(question, method=method)


def test_a_question_that_is_too_long_names_the_limit(leader: Leader) -> None:
    with pytest.raises(Refusal, match=r"leader\.max_context") as caught:
        leader.answer("a" * 2000, method="solo")
    assert caught.value.code == "context_length_exceeded"


def test_an_experiment_that_was_not_run_names_the_command(made_house: house.House, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
    with pytest.raises(BadInput, match="Run: mlpo run house"):
        Leader.load(house.NAME, Store(str(tmp_path)))
