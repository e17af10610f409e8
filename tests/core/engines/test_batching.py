"""The batch plan: every request once, like lengths together, never over the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_core.engines.batching import check_lengths, plan
from mlpo_core.errors import BadInput

PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9), max_size=40)


@given(PROMPTS, st.integers(1, 9), st.integers(1, 200))
def test_every_request_runs_once_within_the_budget(prompts: list[list[int]], new: int, budget: int) -> None:
    batches = plan(prompts, new, budget)
    assert sorted(i for b in batches for i in b.requests) == list(range(len(prompts)))
    for batch in batches:
        assert [batch.prompts[s] for s in batch.sources] == [prompts[i] for i in batch.requests]
        longest = len(batch.prompts[0])
        assert longest == max(map(len, batch.prompts))
        assert len(batch.requests) == 1 or len(batch.requests) * (longest + new) <= budget
        assert len({tuple(p) for p in batch.prompts}) == len(batch.prompts)
    lengths = [len(b.prompts[s]) for b in batches for s in b.sources]
    assert lengths == sorted(lengths, reverse=True)


def test_samples_of_one_prompt_share_it_within_a_batch() -> None:
    batches = plan([[1, 2], [3], [1, 2], [1, 2]], max_new_tokens=2, budget=8)
    assert [(b.prompts, b.sources, b.requests) for b in batches] == [
        ([[1, 2]], [0, 0], [0, 2]),
        ([[1, 2], [3]], [0, 1], [3, 1]),
    ]


def test_the_longest_prompt_is_named_when_it_does_not_fit() -> None:
    check_lengths([10, 90], 10, 100)
    check_lengths([10, 90], 10, None)
    with pytest.raises(BadInput, match=r"prompt 1 of 2 has 91 tokens.*needs 101.*holds 100"):
        check_lengths([10, 91], 10, 100)
