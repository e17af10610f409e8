"""Groups are dealt to processes so that what every one of them runs is no more than it must be."""

import random
from math import ceil

import pytest
import torch

from mlpo_core.training import dealing, skipping

UNIT = 2


def drawn(processes, units, share, seed):
    draw = random.Random(seed)
    return [[draw.random() < share for _ in range(units)] for _ in range(processes)]


def run_by_each(dealt, carrying, micro_batch):
    """Units that every process puts through forward and backward: of each micro-batch, as many as the fullest has."""
    counts = [[carrying[process][unit] for process, unit in places] for places in dealt]
    starts = range(0, len(counts[0]), micro_batch)
    return sum(max(sum(count[start : start + micro_batch]) for count in counts) for start in starts)


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
@pytest.mark.parametrize("micro_batch", [1, 2, 4])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.45, 0.71, 1.0])
def test_no_process_runs_more_than_its_part_of_the_groups_that_carry_something(processes, micro_batch, share):
    for seed in range(20):
        carrying = drawn(processes, 8, share, seed)
        dealt = dealing.deal(carrying)
        assert sorted(place for places in dealt for place in places) == [
            (p, u) for p in range(processes) for u in range(8)
        ]
        assert {len(places) for places in dealt} == {8}
        assert run_by_each(dealt, carrying, micro_batch) == ceil(sum(map(sum, carrying)) / processes)


def test_where_they_lie_by_chance_much_more_is_run():
    """What this is for: 4 to 8 processes with a group in each micro-batch, of which half carry something."""
    for processes in (4, 8):
        carrying = [drawn(processes, 8, 0.5, seed) for seed in range(20)]
        as_they_lie = [[(p, u) for u in range(8)] for p in range(processes)]
        by_chance = sum(run_by_each(as_they_lie, c, 1) for c in carrying) / (20 * 8)
        dealt = sum(run_by_each(dealing.deal(c), c, 1) for c in carrying) / (20 * 8)
        assert by_chance > 0.9 and dealt < 0.6


def test_who_carries_everything_gives_nothing_away():
    assert dealing.deal([[True] * 3] * 2) == [[(p, u) for u in range(3)] for p in range(2)]
    assert dealing.is_even([[True, False], [True, True]])
    assert not dealing.is_even([[False, False], [True, True]])


def batch(process, prompt, completion, advantages):
    rows = len(advantages)
    row = torch.arange(rows) + 10 * process
    return {
        "prompt_ids": row[:, None].expand(rows, prompt),
        "prompt_mask": torch.ones(rows, prompt, dtype=torch.long),
        "completion_ids": row[:, None].expand(rows, completion),
        "completion_mask": torch.ones(rows, completion, dtype=torch.long),
        "old_per_token_logps": -row[:, None].expand(rows, completion).float(),
        "advantages": torch.tensor(advantages),
        "row": row,
        "num_items_in_batch": torch.tensor(48),
    }


def test_rows_of_different_widths_come_together_whole():
    batches = [batch(0, 3, 5, [0.0] * 4), batch(1, 4, 2, [0.5, -0.5, 1.0, -1.0])]
    carrying = [skipping.with_advantage(b["advantages"], UNIT).tolist() for b in batches]
    dealt = dealing.deal(carrying)
    assert dealt == [[(1, 0), (0, 0)], [(1, 1), (0, 1)]]
    taken = [dealing.gathered(batches, places, UNIT) for places in dealt]
    assert [t["row"].tolist() for t in taken] == [[10, 11, 0, 1], [12, 13, 2, 3]]
    assert taken[1]["advantages"].tolist() == [1.0, -1.0, 0.0, 0.0]
    assert taken[0]["num_items_in_batch"] == 48
    for own in taken:
        assert own["prompt_ids"].shape == (4, 4) and own["completion_ids"].shape == (4, 5)
        assert own["prompt_mask"].tolist() == [[1, 1, 1, 1]] * 2 + [[0, 1, 1, 1]] * 2
        assert own["completion_mask"].tolist() == [[1, 1, 0, 0, 0]] * 2 + [[1, 1, 1, 1, 1]] * 2
        for name, sign in (("prompt_ids", 1), ("completion_ids", 1), ("old_per_token_logps", -1)):
            mask = own["prompt_mask" if name == "prompt_ids" else "completion_mask"]
            assert (own[name] == sign * own["row"][:, None] * mask).all()
