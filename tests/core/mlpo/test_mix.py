"""The mix of training prompts: shares of what the shown answers say, drawn from what is there."""

from collections import Counter

import pytest
from pydantic import ValidationError

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Mix
from mlpo_core.mlpo import mix
from mlpo_core.prompts.budget import Proposal

HALF = Mix(majority_right=0.5, majority_wrong=0.3, none_right=0.2)


def candidates(**counts: int) -> list[tuple[mix.Slot, str]]:
    return [(mix.Slot(f"{name}-{i}", 0), name) for name, count in counts.items() for i in range(count)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("7", "7", "7"), "all_right"),
        (("7", "7", "8"), "majority_right"),
        (("7", "8", "9"), "tied"),
        (("7", "8", None), "tied"),
        (("7", None, None), "majority_right"),
        (("7", "8 x", " 8  X "), "majority_wrong"),
        (("8", "9", None), "none_right"),
        ((None, None, None), "none_right"),
    ],
)
def test_a_prompt_is_of_the_class_that_its_answers_say(said, expected):
    assert mix.kind([Proposal(str(i), "text", text, text == "7") for i, text in enumerate(said)]) == expected


def test_as_many_are_drawn_as_the_scarcest_class_allows():
    drawn = mix.draw(HALF, 1, candidates(all_right=100, majority_right=90, majority_wrong=6, none_right=50, solo=123))
    assert drawn.drawn == {"majority_right": 10, "majority_wrong": 6, "none_right": 4}
    classes = Counter(slot.task_id.partition("-")[0] for slot in drawn.slots)
    assert classes == {**drawn.drawn, "solo": 10}  # of 123, as 20 of 246
    assert drawn.there == {"all_right": 100, "majority_right": 90, "tied": 0, "majority_wrong": 6, "none_right": 50}
    assert "20 of 246 team prompts; majority_wrong, of which there are 6," in str(drawn)


@pytest.mark.parametrize("scarce", range(4, 40))
def test_shares_hold_to_one_prompt(scarce):
    thirds = Mix(all_right=1 / 3, tied=1 / 3, none_right=1 / 3 + 1e-7)
    for shares in (HALF, thirds):
        there = dict.fromkeys(shares.shares, 1000) | {list(shares.shares)[1]: scarce}
        drawn = mix.draw(shares, 1, candidates(**there)).drawn
        total = sum(drawn.values())
        assert all(abs(drawn[name] - share * total) < 1 for name, share in shares.shares.items())
        assert scarce - 1 <= drawn[list(shares.shares)[1]] <= scarce


def test_the_draw_follows_the_seed_and_not_the_order():
    there = candidates(majority_right=90, majority_wrong=60, none_right=50)
    found = [mix.draw(HALF, seed, some).slots for seed, some in ((1, there), (1, there[::-1]), (2, there))]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("there", "scarce"),
    [
        ({"majority_right": 9, "none_right": 9}, "majority_wrong"),
        ({"majority_right": 1, "majority_wrong": 9, "none_right": 9}, "majority_right"),
        ({"solo": 9}, "majority_right"),
    ],
)
def test_a_class_with_too_few_is_named_with_what_there_is(there, scarce):
    with pytest.raises(BadInput, match=rf"mlpo\.mix: .* too few of {scarce} \(there are: all_right 0, .*none_right"):
        mix.draw(HALF, 1, candidates(**there))


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValidationError, match=r"add up to 0\.9, not to 1"):
        Mix(majority_right=0.5, majority_wrong=0.4)
    with pytest.raises(ValidationError, match="extra"):
        Mix.model_validate({"right": 1.0})
