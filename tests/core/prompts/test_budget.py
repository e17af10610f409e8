"""Leader prompts that do not fit: an error, or as much of every answer as fits, and said so."""

from dataclasses import replace

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.experiment import KEYS, Leader
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.prompts.budget import PromptMaker, Proposal
from mlpo_core.prompts.leader import answers_shown
from mlpo_core.types import Task

TASK = Task("t", "bbh", "x", "test", "How many?", (), "3", "number")
TEAM = [Proposal(f"p{i}", "step " * 10 * i + f"<answer>{i}</answer>", str(i), i == 3) for i in range(1, 6)]
TOKENIZER = character_tokenizer()


def maker(shorten: str, room: int = 900, **settings) -> PromptMaker:
    """Of a leader with so many tokens for a prompt; one character is one token."""
    leader = Leader(model="m", max_context=room + 100, max_new_tokens=100, shorten=shorten, **settings)
    return PromptMaker(TOKENIZER, leader, 1)


def test_a_prompt_that_fits_stays_whole() -> None:
    for shorten in ("none", "tail", "answers"):
        made = maker(shorten, 4000).make(TASK, TEAM)
        assert made.shortened == "" and all(p.response in made.prompt for p in TEAM)


def test_one_that_does_not_is_an_error_by_default_that_names_the_remedy() -> None:
    with pytest.raises(BadInput, match=r"leader\.shorten: tail or answers"):
        maker("none").make(TASK, TEAM)


def test_tail_shows_as_much_of_every_answer_as_fits() -> None:
    made = maker("tail").make(TASK, TEAM)
    how, _, characters = made.shortened.partition(":")
    budget = int(characters)
    assert how == "tail" and made.tokens <= 900 and made.proposal_ids == [p.proposal_id for p in TEAM]
    assert all(f"team:\n{p.response[-budget:]}" in made.prompt for p in TEAM)
    longer = maker("tail").show(TASK, [p.response[-budget - 1 :] for p in TEAM])
    assert maker("tail").count_prompt(longer) > 900
    assert TEAM[0].response in made.prompt, "what is shorter than its share stays whole"


def test_answers_shows_the_extracted_answers() -> None:
    team = [*TEAM, Proposal("p6", "I do not know. " * 20, None, False)]
    made = maker("answers").make(TASK, team)
    assert made.shortened == "answers" and made.tokens <= 900
    assert "Answer 5 of your team:\n5\n\nAnswer 6 of your team:\n(no answer)" in made.prompt


@pytest.mark.parametrize("shorten", ["tail", "answers"])
def test_what_cannot_be_made_to_fit_is_an_error(shorten: str) -> None:
    with pytest.raises(BadInput, match="its leader prompt has"):
        maker(shorten, 150).make(TASK, TEAM)


def test_a_prompt_that_several_leaders_read_is_made_to_fit_once(monkeypatch) -> None:
    made = maker("tail")
    first = made.written(TASK, TEAM)
    monkeypatch.setattr(made, "count_prompt", None)
    assert made.written(TASK, TEAM) == first


def test_shuffled_seats_are_drawn_for_every_prompt_and_always_the_same() -> None:
    fixed, shuffled = maker("none", 4000), maker("none", 4000, seats="shuffled")
    orders = set()
    for number in range(40):
        task = replace(TASK, task_id=f"t{number}")
        made = shuffled.make(task, TEAM)
        assert made == maker("none", 4000, seats="shuffled").make(task, TEAM)
        shown = sorted(TEAM, key=lambda p: made.prompt.index(p.response))
        assert (
            made.proposal_ids == [p.proposal_id for p in shown] == [p.proposal_id for p in shuffled.seated(task, TEAM)]
        )
        assert made.n_correct == 1 and shuffled.written(task, TEAM) == (made.prompt, "")
        assert shuffled.fit(task, TEAM).prompt == made.prompt
        assert fixed.make(task, TEAM).proposal_ids == [p.proposal_id for p in TEAM]
        orders.add(tuple(made.proposal_ids))
    assert len(orders) > 25
    firsts = [order[0] for order in orders]
    assert all(firsts.count(p.proposal_id) < 20 for p in TEAM), "no agent has a seat of its own"


def test_other_answers_and_other_seeds_are_seated_otherwise() -> None:
    leader = Leader(model="m", seats="shuffled")
    variants = [[p._replace(response=f"{p.response} {j}") for p in TEAM] for j in range(20)]

    def orders(seed):
        made = PromptMaker(TOKENIZER, leader, seed)
        return [tuple(p.proposal_id for p in made.seated(TASK, variant)) for variant in variants]

    assert len(set(orders(1))) > 10
    assert orders(1) != orders(2)


def test_seats_are_in_a_key_only_where_they_are_shuffled() -> None:
    assert "seats" not in Leader(model="m").model_dump(context=KEYS)
    assert Leader(model="m", seats="shuffled").model_dump(context=KEYS)["seats"] == "shuffled"


def test_votes_show_the_subject_and_of_every_answer_its_option_and_length() -> None:
    leader = Leader(model="m", information="votes")
    made = PromptMaker(TOKENIZER, leader, 1).make(TASK, [*TEAM[:2], Proposal("p6", "?" * 1001, None, False)])
    assert made.prompt == "x\n1 1 1\n2 2 2\n3 - 11"
    assert PromptMaker(TOKENIZER, leader, 1).show(TASK, ["B 3"], asked=3) == "x\n1 B 3"
    assert answers_shown(made.prompt) == ["1 1", "2 2", "- 11"]
