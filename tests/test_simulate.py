"""20,000 tasks × 12 proposals through the real sharding, store and filter, with an engine that answers at once."""

import pytest

from tests import simulate


@pytest.mark.slow
def test_twenty_thousand_tasks() -> None:
    measured = simulate.measure(20_000)
    print(simulate.table([measured]))
    assert measured.rows == 240_000
    assert measured.memory_mb < 450, "263 were measured; all rows at once would be twice that"
