"""What long work says of itself where nobody sees a bar."""

import itertools

import pytest

from mlpo_core import progress


@pytest.mark.parametrize(
    ("total", "said"), [(4, "work: 1/4 shard, 0.1 shard/s, 30 s left"), (None, "work: 1 shard, 0.1")]
)
def test_under_dagster_it_says_how_far_and_how_long(monkeypatch, total: int | None, said: str) -> None:
    lines: list[str] = []
    clock = itertools.count(0, 10)
    monkeypatch.setattr(progress, "under_pipes", lambda: True)
    monkeypatch.setattr(progress, "log", lines.append)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(progress.track("abcd", "work", total, "shard")) == list("abcd")
    assert lines[0].startswith(said)
    assert lines[-1].startswith("work: 4 shard in")
