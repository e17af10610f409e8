"""What a miniature leader reads that is shown votes: invented teams, whose members err at random.

It learns the format and to go by agreement. Whom to trust in which subject is what its training is to teach it.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from mlpo_core.models.laboratory.documents import Document
from mlpo_core.prompts.leader import compact_leader_prompt, vote

_RIGHT = 0.5
"""Share of an invented member's votes that are for the right option."""
_SHARED = 0.3
"""Share of the others that repeat the vote of a member that is wrong."""
_SILENT = 0.03
"""Share of members without an answer."""
_ANYONE = 0.25
"""Share of documents that take up anyone's vote, so that the leader does not only follow the many."""
_LONGEST = 4000
"""Characters of an invented answer, at most."""


class Ballots(NamedTuple):
    """What decides the documents.

    Attributes:
        subjects: Of the experiment's tasks.
        options: The answers that there can be.
        team_size: K.
    """

    subjects: tuple[str, ...]
    options: tuple[str, ...]
    team_size: int


def ballot_documents(ballots: Ballots, seed: int) -> Iterator[Document]:
    """An endless stream: a subject with a team's votes, and one of the options that most voted for.

    The leader names the member whose vote it takes up (0: nobody's, where none answered).
    """
    rng = random.Random(seed)  # noqa: S311 - a seeded draw, no secret
    while True:
        votes = _team(ballots, rng)
        shown = [vote(v, rng.randint(1, _LONGEST)) for v in votes]
        member = _follow(votes, rng)
        answer = votes[member - 1] if member else rng.choice(ballots.options)
        prompt = compact_leader_prompt(rng.choice(ballots.subjects), shown)
        yield Document(prompt, f"<think>{member}</think><answer>{answer}</answer>")


def _team(ballots: Ballots, rng: random.Random) -> list[str | None]:
    right = rng.choice(ballots.options)
    votes: list[str | None] = []
    wrong: list[str] = []
    for _ in range(ballots.team_size):
        if rng.random() < _SILENT:
            votes.append(None)
        elif rng.random() < _RIGHT:
            votes.append(right)
        else:
            wrong.append(rng.choice(wrong if wrong and rng.random() < _SHARED else ballots.options))
            votes.append(wrong[-1])
    return votes


def _follow(votes: list[str | None], rng: random.Random) -> int:
    """The 1-based member whose vote is taken up: one of the largest agreeing group, or now and then anyone."""
    there = [i for i, v in enumerate(votes, start=1) if v is not None]
    if not there:
        return 0
    if rng.random() < _ANYONE:
        return rng.choice(there)
    most = max(votes.count(votes[i - 1]) for i in there)
    return rng.choice([i for i in there if votes.count(votes[i - 1]) == most])
