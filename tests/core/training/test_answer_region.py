"""The reward reads the answer where the format asks for it, and nothing that was only thought."""

import pytest

from mlpo_core.training.answer_region import answer_region, well_formed


@pytest.mark.parametrize(
    ("completion", "formed"),
    [
        ("<think>3+1=4</think><answer>4</answer>", True),
        (" <think>\n</think>\n\n<answer>4</answer>\n", True),
        ("<answer>4</answer>", False),
        ("<think>a</think><answer></answer>", False),
        ("<think>a</think><answer>4</answer> more", False),
        ("<think>a<think>b</think><answer>4</answer>", False),
        ("<think>a</think><answer>5</answer><answer>4</answer>", False),
        ("<answer>4</answer><think>a</think>", False),
        ("<think>a</think><answer>4", False),
        ("", False),
    ],
)
def test_what_is_well_formed(completion, formed):
    assert well_formed(completion) is formed


def test_a_long_unfinished_thought_is_judged_quickly():
    assert not well_formed("<think>" + "a" * 200_000)


@pytest.mark.parametrize(
    ("completion", "text", "marked"),
    [
        ("<think>a</think><answer>4</answer>", "4", True),
        ("<think>a</think><ANSWER> 4\n", "4", True),  # cut off
        ("<answer>5</answer> no, <answer>4</answer> The answer is 7.", "4", True),
        ("<answer>4</answer><answer> </answer>", "4", True),
        ("<think>a</think>So it is 4.", "So it is 4.", False),
        ("It is 4.", "It is 4.", False),
        ("4 <think>it is 5", "4", False),
        ("<think>the answer is 4", "", False),
        ("<think><answer>4</answer>", "", False),
        ("<think><answer>4</answer></think>", "", False),
        ("<Think>The answer is 4.</Think>", "", False),
        ("<think>a</think>The answer is 4.</think>", "", False),
        ("<answer>4</answer></think>", "", False),
        ("", "", False),
    ],
)
def test_what_the_reward_reads(completion, text, marked):
    found = answer_region(completion)
    assert (found.text, found.marked) == (text, marked)
    assert found.response == (f"<answer>{text}</answer>" if marked else text)
