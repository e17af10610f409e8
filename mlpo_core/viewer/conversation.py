"""A task's whole conversation: every row behind a final answer, found through ids, by round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlpo_core.benchmark.outcomes import Way
from mlpo_core.judging.rows import JUDGED, SCHEMA
from mlpo_core.viewer.parts import Parts

_OPEN, _CLOSE = "<think>", "</think>"
_MOST = 60
"""Answers of one round that are shown: a vote may have thousands."""
_PREDICTION = ("task_id", "method", "rounds", "seed", "source_ids", "extracted", "correct", "tie")
_COST = ("prompt_tokens", "completion_tokens", "finish_reason")
_PROPOSAL = ("task_id", "proposal_id", "agent", "sample_index", "response", "extracted", "correct", *_COST)
_JUDGED = ("id", "task_id", "reason", "failure")
_GENERATION = ("task_id", "generation_id", "round", "role", "agent", "input_ids", "response", "extracted", "correct")


class Said(NamedTuple):
    """What an agent or the leader wrote.

    Attributes:
        id: Of its row.
        who: Agent name, or `leader`.
        think: What stands before the end of its think part; empty where it has none.
        text: What stands after it.
        extracted: The answer read out of it; None where none was.
        correct: Whether that is right.
        read: Tokens of its prompt; None where they were not recorded.
        written: Tokens of its text.
        ended: Why it ended: stop, length or error.
        judged: What a judge said of it, or why it gave no verdict; empty where none was asked.
    """

    id: str
    who: str
    think: str
    text: str
    extracted: str | None
    correct: bool
    read: int | None
    written: int | None
    ended: str
    judged: str


@dataclass
class Round:
    """One round: what the agents said, then the leader."""

    agents: list[Said] = field(default_factory=list)
    leader: list[Said] = field(default_factory=list)
    hidden: int = 0
    """Further answers of agents that are left out."""


@dataclass(frozen=True)
class Conversation:
    """All that led to one final answer."""

    rounds: Sequence[Round]
    """The first holds the agents' own answers."""
    extracted: str | None
    correct: bool
    tie: bool
    lost: int
    """Rows that it was made of and that are not there (an attacker's text is kept nowhere)."""


class Rows(NamedTuple):
    """What is stored about one task: its final answers, and by id all that was written and what a judge said of it."""

    predictions: Sequence[Mapping[str, Any]]
    written: Mapping[str, Mapping[str, Any]]
    judged: Mapping[str, str]


def read(task_id: str, predictions: Parts, proposals: Parts, rounds: Parts | None) -> Rows:
    """The rows of a task.

    Raises:
        BadInput: A part is damaged.
    """
    written = {row["proposal_id"]: row for row in proposals.of_task(task_id, _PROPOSAL)}
    if rounds:
        written |= {row["generation_id"]: row for row in rounds.of_task(task_id, (*_GENERATION, *_COST))}
    judged = {
        row["id"]: row["reason"] or row["failure"]
        for parts in (proposals, rounds)
        if parts
        for row in parts.of_task_beside(JUDGED, task_id, _JUDGED, SCHEMA)
    }
    return Rows(predictions.of_task(task_id, _PREDICTION), written, judged)


def conversation(rows: Rows, way: Way, seed: int) -> Conversation | None:
    """What is behind the final answer of a way under a seed; None where it has not answered the task."""
    for final in rows.predictions:
        if (final["method"], final["rounds"], final["seed"]) == (*way, seed):
            found, lost = _walk(final["source_ids"], rows.written)
            return Conversation(_by_round(found, rows.judged), final["extracted"], final["correct"], final["tie"], lost)
    return None


def divided(text: str) -> tuple[str, str]:
    """What a text thinks and what it says; a think part without an end is all of it."""
    before, closed, after = text.partition(_CLOSE)
    if not closed and not text.lstrip().startswith(_OPEN):
        return "", text
    return before.lstrip().removeprefix(_OPEN).strip("\n"), after.lstrip("\n")


def _walk(ids: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Mapping[str, Any]], int]:
    """The rows with these ids and all that stood in their prompts, nearest first; and how many are not there."""
    found: dict[str, Mapping[str, Any]] = {}
    lost: set[str] = set()
    waiting = list(ids)
    while waiting:
        further: list[str] = []
        for id_ in waiting:
            if id_ in found:
                continue
            if row := rows.get(id_):
                found[id_] = row
                further += row.get("input_ids", ())
            else:
                lost.add(id_)
        waiting = further
    return found, len(lost)


def _by_round(found: Mapping[str, Mapping[str, Any]], judged: Mapping[str, str]) -> list[Round]:
    rounds: dict[int, Round] = {}
    for id_, row in found.items():
        of_round = rounds.setdefault(row.get("round", 0), Round())
        if row.get("role") == "leader":
            of_round.leader.append(_said(id_, row, judged.get(id_, "")))
        elif len(of_round.agents) < _MOST:
            of_round.agents.append(_said(id_, row, judged.get(id_, "")))
        else:
            of_round.hidden += 1
    return [rounds[number] for number in sorted(rounds)]


def _said(id_: str, row: Mapping[str, Any], judged: str) -> Said:
    think, text = divided(row["response"])
    tokens = row["prompt_tokens"], row["completion_tokens"]
    verdict = row["extracted"], row["correct"]
    return Said(id_, row["agent"], think, text, *verdict, *tokens, row["finish_reason"], judged)
