"""What the arrays of an experiment say, against the rows that were put there."""

from pathlib import Path

import numpy as np
import pytest

from mlpo_core.benchmark.outcomes import Way
from mlpo_core.errors import BadInput, NotMade
from mlpo_core.store import Store
from mlpo_core.viewer.library import Library
from mlpo_core.viewer.outcomes import MISSING, OUTCOMES, classify
from tests.core.viewer import shelf


def test_every_kind_of_outcome_is_told_from_the_others(shelved: Store) -> None:
    index = Library(shelved).volume(shelf.NAME).index
    found = index.outcomes(Way(shelf.TEAM, 2), 7)
    assert [OUTCOMES[code].key for code in found] == [shelf.outcome(n) for n in range(64)]


def test_equal_wrong_answers_count_and_unread_ones_do_not() -> None:
    right = np.array([[True, True, True], [False, False, False], [False, False, False]])
    answers = np.array([[0, 0, 0], [5, 5, -1], [5, 6, -1]], dtype=np.int32)
    final = np.array([1, 1, 1], dtype=np.int8)
    assert [OUTCOMES[c].key for c in classify(final, right, answers)] == ["overridden", "settled", "agreed"]
    none = np.full(3, -1, dtype=np.int8)
    assert classify(none, right, answers).tolist() == [MISSING] * 3


def test_a_seed_has_the_samples_that_stood_for_it(shelved: Store) -> None:
    index = Library(shelved).volume(shelf.NAME).index
    assert index.seeds == [7, 8]
    assert [agent for agent, _ in index.team(8)] == list(shelf.AGENTS)
    assert index.team(8)[0][1] is index.proposed["alpha", 1]
    assert len(index) == 64, "train tasks are left out"


def test_an_experiment_that_was_not_made_is_said_with_the_command(shelved: Store) -> None:
    with pytest.raises(NotMade, match="mlpo run absent benchmark_predictions"):
        Library(shelved).volume("absent")


def test_a_damaged_part_is_refused_and_stays_where_it_is(tmp_path: Path) -> None:
    store = shelf.make(tmp_path / "root", tasks=8)
    [part] = (tmp_path / "root" / "benchmark_proposals").glob("*/*.parquet")
    data = part.read_bytes()
    part.write_bytes(data[:100] + bytes(len(data) // 2 - 100) + data[len(data) // 2 :])
    with pytest.raises(BadInput, match="damaged"):
        Library(store).volume(shelf.NAME)
    assert part.exists()
