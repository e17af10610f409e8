"""The order of training prompts: passes sorted by keys, and what a function of one's own may give."""

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.training.curriculum import key_of, ordered
from mlpo_core.training.row_files import run_order
from tests import mini_chain as mini


def row(right=1, mode="team"):
    shown = ["a", "b", "c"] if mode == "team" else []
    made = {"prompt_id": "p4", "mode": mode, "n_correct_shown": right, "proposal_ids": shown, "prompt_tokens": 30}
    return mini.task(4, subject="sums") | made


def test_every_pass_holds_what_it_held_and_is_sorted():
    drawn = run_order(rows=11, per_step=2, steps=12, seed=3)  # passes of 10 rows, and 4 rows of a third
    keys = [i // 4 for i in range(11)]
    order = ordered(drawn, 10, keys)
    for start in (0, 10, 20):
        before, after = drawn[start : start + 10], order[start : start + 10]
        assert after == sorted(before, key=lambda i: keys[i])  # stable: as the seed has it where keys are equal
    assert ordered(drawn, 10, [0] * 11) == drawn


def test_what_has_no_key_stays_where_it_is():
    assert ordered([4, 2, 0, 3, 1], 5, [0, None, 2, None, 4]) == [0, 2, 4, 3, 1]
    assert ordered([2, 1, 0], 3, [None] * 3) == [2, 1, 0]


def test_hard_last_goes_by_how_many_shown_answers_are_right():
    key = key_of("hard_last")
    assert key and [key(row(right)) for right in (3, 1, 0)] == [-3, -1, 0]
    assert key(row(0, "solo")) is None
    assert key_of("none") is None


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, body):
        (tmp_path / f"{name}.py").write_text(f"def mine(shown):\n    return {body}\n")
        key = key_of(f"{name}:mine")
        assert key
        return key

    return write


def test_an_order_of_ones_own_sees_the_prompt(own):
    key = own("lab_sees", "shown.tokens + shown.right / shown.answers + (shown.task.subject == 'sums') * 100")
    assert key(row(3)) == 131


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("lab_fails", "1 / 0", "failed on prompt p4: ZeroDivisionError"),
        ("lab_text", "'late'", "gave 'late' for prompt p4"),
        ("lab_nan", "float('nan')", "gave nan for prompt p4"),
    ],
)
def test_what_is_no_number_is_refused_with_the_prompt(own, name, body, problem):
    with pytest.raises(BadInput, match=f"mlpo.curriculum: {name}:mine: {problem}"):
        own(name, body)(row())


def test_what_is_not_there_is_refused():
    with pytest.raises(BadInput, match=r"mlpo.curriculum: lab_absent_orders:mine: there is no module"):
        key_of("lab_absent_orders:mine")
    with pytest.raises(BadInput, match=r"mlpo.curriculum: 'easy_last' is unknown here"):
        key_of("easy_last")
