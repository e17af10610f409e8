"""A conversation is found through ids alone."""

import pytest

from mlpo_core.benchmark.outcomes import Way
from mlpo_core.store import Store
from mlpo_core.viewer.conversation import Conversation, divided
from mlpo_core.viewer.library import Library
from tests.core.viewer import shelf


def talk(store: Store, way: Way, number: int = 2, seed: int = 8) -> Conversation:
    library = Library(store)
    found = library.conversation(library.volume(shelf.NAME), shelf.task_id(number), way, seed)
    assert found
    return found


def test_rounds_hold_who_spoke_in_the_order_of_the_seats(shelved: Store) -> None:
    found = talk(shelved, Way(shelf.TEAM, 2))
    assert [[said.who for said in r.agents] for r in found.rounds] == [list(shelf.AGENTS)] * 2
    assert [said.id for said in found.rounds[0].agents] == [f"{shelf.task_id(2)}-{a}-1" for a in shelf.AGENTS]
    assert [len(r.leader) for r in found.rounds] == [1, 1]
    assert "leader in round 1" in found.rounds[1].leader[0].think
    assert (found.correct, found.lost) == (True, 0)


def test_after_one_round_the_second_is_not_shown(shelved: Store) -> None:
    assert len(talk(shelved, Way(shelf.TEAM, 1)).rounds) == 1


def test_a_vote_is_its_proposals(shelved: Store) -> None:
    [only] = talk(shelved, Way(shelf.VOTE, 0)).rounds
    assert [said.who for said in only.agents] == list(shelf.AGENTS) and not only.leader


def test_a_way_that_did_not_answer_has_no_conversation(shelved: Store) -> None:
    library = Library(shelved)
    volume = library.volume(shelf.NAME)
    assert library.conversation(volume, shelf.task_id(2), Way(shelf.TEAM, 9), 7) is None
    assert library.conversation(volume, "f" * 20, Way(shelf.TEAM, 2), 7) is None


def test_what_a_judge_said_stands_beside_each_answer(shelved: Store) -> None:
    rounds = talk(shelved, Way(shelf.TEAM, 2), shelf.JUDGED_TASK).rounds
    said = [said for r in rounds for said in (*r.agents, *r.leader)]
    assert len(said) == 8 and {said.correct for said in said} == {True, False}
    for one in said:
        expected = f"It says {one.extracted}, as it should." if one.correct else "no verdict in 3 replies"
        assert one.judged.startswith(expected)
    other = talk(shelved, Way(shelf.TEAM, 2), shelf.JUDGED_TASK + 8).rounds
    assert not any(said.judged for r in other for said in (*r.agents, *r.leader))


@pytest.mark.parametrize(
    ("text", "think", "said"),
    [
        ("<think>\na\n</think>\n\nb", "a", "b"),
        ("a</think>b", "a", "b"),
        ("  <think>never ends", "never ends", ""),
        ("b", "", "b"),
        ("b <think> c", "", "b <think> c"),
    ],
)
def test_the_think_part_is_told_from_the_rest(text: str, think: str, said: str) -> None:
    assert divided(text) == (think, said)
