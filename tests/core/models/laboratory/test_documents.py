"""Pre-training documents: consistent misreading, shares, and nothing of the experiment's own tasks."""

import re
from collections import Counter
from itertools import islice

import pytest

from mlpo_core.experiment import BaseModels
from mlpo_core.models.laboratory.documents import Curriculum, agent_documents, leader_documents, normalise
from mlpo_core.models.laboratory.reading import Reading
from mlpo_core.tasks.drawing import Shape
from mlpo_core.tasks.families import COMPACT, generate, misread, solve

_BLIND = {"sum": {"3": "8"}, "swap": {"12": "13"}}
_READ = {family: Reading(symbols) for family, symbols in _BLIND.items()}
_N = 4000


def _curriculum(forbidden: frozenset[str] = frozenset(), **settings: object) -> Curriculum:
    return Curriculum(tuple(COMPACT), _READ, BaseModels.model_validate(settings), 3, forbidden, {})


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
    families = Curriculum(("reverse",), {}, BaseModels(), 3, every, {})
    questions = {d.prompt.split("\n")[0] for d in islice(stream(families, 2), 2000)}
    assert questions
    assert not {normalise(q) for q in questions} & every


@pytest.mark.parametrize("stream", [agent_documents, leader_documents])
def test_a_seed_decides_the_documents(stream: type[agent_documents]) -> None:
    first = list(islice(stream(_curriculum(), 5), 200))
    assert first == list(islice(stream(_curriculum(), 5), 200))
    assert first != list(islice(stream(_curriculum(), 6), 200))


@pytest.mark.parametrize("rates", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.2, 0.3)])
def test_agents_revise_at_the_given_rates(rates: tuple[float, float, float]) -> None:
    revision = dict(zip(("keep", "follow", "weigh"), rates, strict=True))
    curriculum = _curriculum(revision_share=1.0, misread_rate=1.0, revision=revision)
    ways: Counter[str] = Counter()
    for prompt, completion in islice(agent_documents(curriculum, 1), _N):
        question, own, leader = prompt.split("\n", 2)
        before, led, right = _answer(own), _answer(leader), solve(question).answer
        after = _answer(completion)
        if right not in (before, led) and before != led:  # both wrong: to weigh is to keep
            ways["follow" if after == led else "keep"] += 1
        elif before == right != led:
            assert after == before or rates[1]
        elif led == right != before:
            ways["weighed"] += 1
            ways["taken"] += after == led
    kept = ways["keep"] / (ways["keep"] + ways["follow"])
    assert kept == pytest.approx(1 - rates[1], abs=0.06)
    assert ways["taken"] / ways["weighed"] == pytest.approx(1 - rates[0], abs=0.06)


def test_what_a_leader_reads_is_as_checkable_as_is_said() -> None:
    shown = {
        checkable: [
            line.partition(" ")[2]
            for document in islice(leader_documents(_curriculum(team_share=1.0, checkable=checkable), 1), 800)
            for line in document.prompt.split("\n")[1:]
            if document.prompt.startswith("sum ")
        ]
        for checkable in ("answers", "work", "slips")
    }
    assert all(re.fullmatch(r"-?\d+", text) for text in shown["answers"])
    for checkable in ("work", "slips"):
        assert all(re.fullmatch(r"\d([+-]\d=-?\d*)+<answer>-?\d+</answer>", text) for text in shown[checkable])
    question, *members = next(
        d.prompt.split("\n")
        for d in leader_documents(_curriculum(team_share=1.0, checkable="work"), 1)
        if d.prompt.startswith("sum ") and len({_answer(line) for line in d.prompt.split("\n")[1:]}) > 1
    )
    for member in members:
        assert "".join(re.findall(r"^\d|[+-]\d(?==)", member.partition(" ")[2])) == question.split()[1]


def test_questions_have_the_shape_of_the_tasks() -> None:
    curriculum = _curriculum(revision_share=0.0)._replace(families=("sort",), shapes={"sort": Shape(7)})
    assert {len(d.prompt.split()[2]) for d in islice(agent_documents(curriculum, 1), 50)} == {7}
