import pytest

from mlpo_core.training import rewards
from mlpo_core.training.rewards import Reward, well_formed
from tests.core.training import small

ROW = {name: [value] for name, value in small.leader_prompt_row(3).items()}


def score(*completions: str, format_weight: float = 0.1) -> list[float | None]:
    reward = Reward(format_weight, needs_workers=False)
    columns = {name: value * len(completions) for name, value in ROW.items() if name != "prompt"}
    return reward([None] * len(completions), [[{"role": "assistant", "content": c}] for c in completions], **columns)


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


def test_format_counts_only_beside_a_correct_answer():
    right, bare, wrong, silent = score(
        "<think>3+1=4</think><answer>4</answer>", "<answer>4</answer>", "<think>no</think><answer>5</answer>", ""
    )
    assert (right, bare, wrong, silent) == (1.1, 1.0, 0.0, 0.0)


def test_an_all_wrong_group_has_no_spread_whatever_its_format():
    assert set(score("<think>a</think><answer>5</answer>", "5", "<answer>5</answer>", "")) == {0.0}


def test_shares_are_logged():
    seen: dict[str, float] = {}
    columns = {name: value * 2 for name, value in ROW.items() if name != "prompt"}
    Reward(0.0, False)(
        [None] * 2, ["<think>a</think><answer>4</answer>", "<answer>5</answer>"], seen.__setitem__, **columns
    )
    assert seen == {"correct": 0.5, "well_formed": 0.5}


def test_mathematics_is_graded_in_workers(monkeypatch):
    row = small.leader_prompt_row(0) | {"answer_kind": "math", "answer": "\\frac{1}{2}", "benchmark": "math"}
    monkeypatch.setattr(rewards, "grade", None)
    with Reward(0.1, needs_workers=True) as reward:
        verdicts = reward.verdicts([row, row], ["<answer>0.5</answer>", "<answer>2</answer>"])
    assert [v.correct for v in verdicts] == [True, False]
