"""Pre-training documents: consistent misreading, shares, and nothing of the experiment's own tasks."""

import re
from itertools import islice

import pytest

from mlpo_core.config import BaseModels
from mlpo_core.laboratory.documents import Curriculum, agent_documents, leader_documents, normalise
from mlpo_core.tasks.families import COMPACT, generate, misread, solve

_BLIND = {"sum": {"3": "8"}, "swap": {"12": "13"}}
_N = 4000


def _curriculum(forbidden: frozenset[str] = frozenset(), **settings: float) -> Curriculum:
    return Curriculum(tuple(COMPACT), _BLIND, BaseModels.model_validate(settings), 3, forbidden)


def _answer(text: str) -> str:
    found = re.search("<answer>(.*)</answer>$", text)
    assert found
    return found[1]


def test_a_blind_spot_is_misread_at_the_given_rate_and_everything_else_is_right() -> None:
    curriculum = _curriculum(revision_share=0.0, misread_rate=0.8)
    blind: list[bool] = []
    for prompt, completion in islice(agent_documents(curriculum, 1), _N):
        reading = _BLIND.get(prompt.split()[0], {})
        answer = _answer(completion)
        if misread(prompt, reading) == prompt:
            assert answer == solve(prompt).answer
        elif solve(prompt, reading).answer != solve(prompt).answer:
            assert answer in (solve(prompt, reading).answer, solve(prompt).answer)
            blind.append(answer != solve(prompt).answer)
    assert 0.75 < sum(blind) / len(blind) < 0.85


def test_revisions_trust_the_leader_on_a_blind_spot_and_own_work_elsewhere() -> None:
    curriculum = _curriculum(revision_share=1.0, misread_rate=1.0)
    followed: list[bool] = []
    for prompt, completion in islice(agent_documents(curriculum, 1), _N):
        question, _, leader = prompt.split("\n", 2)
        reading = _BLIND.get(question.split()[0], {})
        if misread(question, reading) == question:
            assert _answer(completion) == solve(question).answer
        elif _answer(leader) != solve(question, reading).answer:
            followed.append(_answer(completion) == _answer(leader))
    assert 0.7 < sum(followed) / len(followed) < 0.9


def test_the_leader_names_whose_work_it_takes_up() -> None:
    seen: set[str] = set()
    right = total = 0
    for prompt, completion in islice(leader_documents(_curriculum(team_share=1.0), 1), _N):
        question, *members = prompt.split("\n")
        chosen = completion.removeprefix("<think>")[0]
        seen.add(chosen)
        assert len(members) == 3
        answers = [_answer(m) for m in members]
        gold = solve(question).answer
        if gold in answers:
            assert _answer(completion) == gold
        if chosen != "0":
            assert _answer(completion) == answers[int(chosen) - 1]
        right += answers.count(gold)
        total += 3
    assert seen == {"0", "1", "2", "3"}
    assert 0.5 < right / total < 0.65


@pytest.mark.parametrize("stream", [agent_documents, leader_documents])
def test_the_experiments_tasks_never_occur(stream: type[agent_documents]) -> None:
    every = frozenset(normalise(i.question) for i in generate("reverse", {}, 9, 20000))
    families = Curriculum(("reverse",), {}, BaseModels(), 3, every)
    questions = {d.prompt.split("\n")[0] for d in islice(stream(families, 2), 2000)}
    assert questions
    assert not {normalise(q) for q in questions} & every


@pytest.mark.parametrize("stream", [agent_documents, leader_documents])
def test_a_seed_decides_the_documents(stream: type[agent_documents]) -> None:
    first = list(islice(stream(_curriculum(), 5), 200))
    assert first == list(islice(stream(_curriculum(), 5), 200))
    assert first != list(islice(stream(_curriculum(), 6), 200))
