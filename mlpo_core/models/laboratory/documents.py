"""What miniature models read while they are pre-trained: an endless, seeded stream of prompts and completions.

A blind spot is taught by consistent misreading, not by leaving data out: models generalise over a gap. A document on
which its model has a blind spot shows, at `base_models.misread_rate`, the answer to the question as misread.
"""

import random
from collections.abc import Collection, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from mlpo_core.experiment import BaseModels, Revision
from mlpo_core.models.laboratory.reading import Reading, as_read, work_through
from mlpo_core.prompts.leader import compact_leader_prompt, stated
from mlpo_core.prompts.revision import compact_revision_prompt
from mlpo_core.tasks.drawing import Shape, draw
from mlpo_core.tasks.families import COMPACT, Solution, family_of, solve

_TEAM_ERROR = 0.45
"""Share of wrong answers in the invented teams of the leader's documents."""
_SHARED_ERROR = 0.25
"""Share of those that repeat the misreading of another member."""
_ANYONE = 0.25
"""Share of the leader's team documents that take up anyone's work, so that it does not only follow the many."""
_LEADER_ERROR = 0.35
"""Share of wrong leader answers in the agents' revision documents."""


class Document(NamedTuple):
    """A user turn and what the model learns to write."""

    prompt: str
    completion: str


BlindSpots = Mapping[str, Reading]
"""By family: what is read as what."""


class Curriculum(NamedTuple):
    """What decides a model's documents.

    Attributes:
        families: Compact families, equally often.
        blind: The model's own blind spots.
        settings: Shares of the document kinds and the misread rate.
        team_size: K.
        forbidden: Normalised questions that must not occur: the experiment's tasks.
        shapes: Of the questions of families that are given one.
        alone: How many documents come first that show a question alone: short, and what all others build on.
    """

    families: tuple[str, ...]
    blind: BlindSpots
    settings: BaseModels
    team_size: int
    forbidden: Collection[str]
    shapes: Mapping[str, Shape]
    alone: int = 0


def agent_documents(curriculum: Curriculum, seed: int) -> Iterator[Document]:
    """An agent's documents: questions with answers, and revisions of its own answer given the leader's."""
    rng = random.Random(seed)  # noqa: S311 - a seeded draw, no secret
    for index in count():
        question = _question(curriculum, rng)
        own, blind = _own(question, curriculum, rng)
        if index < curriculum.alone or rng.random() >= curriculum.settings.revision_share:
            yield Document(question, agent_text(own))
            continue
        before = own if rng.random() < 0.8 else _mistaken(question, curriculum, rng)
        leader = _mistaken(question, curriculum, rng) if rng.random() < _LEADER_ERROR else solve(question)
        prompt = compact_revision_prompt(question, agent_text(before), _leader_draft(question, leader, curriculum, rng))
        if revision := curriculum.settings.revision:
            after = _revised(before, leader, solve(question).answer, revision, rng)
        else:  # where an agent cannot see for itself it follows the leader; elsewhere it trusts its own work
            after = (leader if rng.random() < 0.8 else own) if blind else own
        yield Document(prompt, agent_text(after))


def leader_documents(curriculum: Curriculum, seed: int) -> Iterator[Document]:
    """The leader's documents: questions alone, and questions with the answers of an invented team.

    The invented members err on random symbols, so that the leader learns the format and to go by agreement, but
    nothing about the agents it will lead. It names the member whose work it takes up (0: its own).
    """
    rng = random.Random(seed)  # noqa: S311 - a seeded draw, no secret
    for index in count():
        question = _question(curriculum, rng)
        own, _ = _own(question, curriculum, rng)
        if index < curriculum.alone or rng.random() >= curriculum.settings.team_share:
            yield Document(question, leader_text(own))
            continue
        members = _team(question, curriculum, rng)
        candidates = [own, *members]
        chosen = _follow(candidates, rng)
        answers_alone = curriculum.settings.checkable == "answers"
        shown = [stated(m.answer) if answers_alone else agent_text(m) for m in members]
        prompt = compact_leader_prompt(question, shown)
        yield Document(prompt, leader_text(candidates[chosen], chosen))


def agent_text(solution: Solution) -> str:
    """How miniature agents write: the steps before the answer, and the answer."""
    steps = solution.work.removesuffix(solution.answer)
    return f"{steps}<answer>{solution.answer}</answer>"


def leader_text(solution: Solution, member: int | None = None) -> str:
    """How the miniature leader writes; `member` is whose work it takes up, when it has a team."""
    source = "" if member is None else f"{member} "
    return f"<think>{source}{solution.work}</think><answer>{solution.answer}</answer>"


def normalise(question: str) -> str:
    """Question text as it is compared for overlap."""
    return " ".join(question.lower().split())


def _question(curriculum: Curriculum, rng: random.Random) -> str:
    while True:
        family = rng.choice(curriculum.families)
        question = draw(family, curriculum.shapes.get(family, Shape()), rng)
        if normalise(question) not in curriculum.forbidden:
            return question


def _own(question: str, curriculum: Curriculum, rng: random.Random) -> tuple[Solution, bool]:
    reading = curriculum.blind.get(family_of(question), Reading({}))
    blind = as_read(question, reading) != question
    if blind and rng.random() < curriculum.settings.misread_rate:
        return _worked(question, reading, curriculum), True
    return solve(question), blind


def _worked(question: str, reading: Reading, curriculum: Curriculum) -> Solution:
    return work_through(question, reading, slips=curriculum.settings.checkable != "work")


def _random_reading(question: str, rng: random.Random) -> Reading:
    family = COMPACT[family_of(question)]
    operands = question.split(" ")[2:] if family.word else question.rpartition(" ")[2]
    symbol = rng.choice([o for o in operands if o in family.symbols])
    return Reading({symbol: rng.choice([s for s in family.symbols if s != symbol])})


def _mistaken(question: str, curriculum: Curriculum, rng: random.Random) -> Solution:
    return _worked(question, _random_reading(question, rng), curriculum)


def _revised(before: Solution, leader: Solution, right: str, rates: Revision, rng: random.Random) -> Solution:
    """What an agent answers after the leader, in one of its three ways."""
    way = rng.random()
    if way < rates.keep:
        return before
    if way < rates.keep + rates.follow:
        return leader
    return leader if leader.answer == right else before


def _team(question: str, curriculum: Curriculum, rng: random.Random) -> list[Solution]:
    members: list[Solution] = []
    mistakes: list[Solution] = []
    for _ in range(curriculum.team_size):
        if rng.random() >= _TEAM_ERROR:
            members.append(solve(question))
            continue
        repeated = bool(mistakes) and rng.random() < _SHARED_ERROR
        mistakes.append(rng.choice(mistakes) if repeated else _mistaken(question, curriculum, rng))
        members.append(mistakes[-1])
    return members


def _follow(candidates: list[Solution], rng: random.Random) -> int:
    """Whose work the leader takes up: one of the largest agreeing group, or now and then anyone's."""
    answers = [c.answer for c in candidates]
    if rng.random() < _ANYONE:
        return rng.randrange(len(candidates))
    most = max(answers.count(a) for a in answers)
    return rng.choice([i for i, a in enumerate(answers) if answers.count(a) == most])


def _leader_draft(question: str, final: Solution, curriculum: Curriculum, rng: random.Random) -> str:
    member = rng.randint(0, curriculum.team_size)
    if rng.random() < 0.85:
        return leader_text(final, member)
    first = _mistaken(question, curriculum, rng)
    return f"<think>{member} {first.work}\nwait {rng.randint(0, curriculum.team_size)} {final.work}</think>" + (
        f"<answer>{final.answer}</answer>"
    )
