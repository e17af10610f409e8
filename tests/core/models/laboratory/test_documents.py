"""Pre-training documents: consistent misreading, shares, and nothing of the experiment's own tasks."""

import re
from collections import Counter
from itertools import islice

import pytest

from mlpo_core.experiment import BaseModels
from mlpo_core.models.laboratory.documents import Curriculum, agent_documents, leader_documents, normalise
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


def test_the_leader_names_whose_work_it_takes_up_and_goes_by_agreement() -> None:
    seen: Counter[str] = Counter()
    agreed: list[bool] = []
    right = 0
    for prompt, completion in islice(leader_documents(_curriculum(team_share=1.0, misread_rate=1.0), 1), _N):
        question, *members = prompt.split("\n")
        own = solve(question, _BLIND.get(question.split()[0], {})).answer
        answers = [own, *(_answer(m) for m in members)]
        assert len(answers) == 4
        chosen = completion.removeprefix("<think>")[0]
        seen[chosen] += 1
        assert _answer(completion) == answers[int(chosen)]
        most = max(answers.count(a) for a in answers)
        agreed.append(answers.count(_answer(completion)) == most)
        right += answers[1:].count(solve(question).answer)
    assert set(seen) == {"0", "1", "2", "3"}
    assert 0.8 < sum(agreed) / _N < 0.95  # three quarters, and those of the others that hit the largest group
    assert 0.5 < right / (3 * _N) < 0.65


def test_questions_alone_come_first() -> None:
    curriculum = _curriculum(team_share=1.0, revision_share=1.0)._replace(alone=50)
    for stream in (agent_documents, leader_documents):
        prompts = [d.prompt for d in islice(stream(curriculum, 1), 100)]
        assert not any("\n" in p for p in prompts[:50])
        assert all("\n" in p for p in prompts[50:])


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
