"""What processes that train together agree on."""

from pathlib import Path

import pytest

from mlpo_core.training import fit


@pytest.mark.parametrize(
    ("elsewhere", "agreed"),
    [(["checkpoint-4"], "checkpoint-4"), ([""], None), (["checkpoint-2"], None), ([], "checkpoint-4")],
)
def test_a_checkpoint_that_some_node_does_not_have_is_not_resumed_from(monkeypatch, elsewhere, agreed):
    monkeypatch.setattr(fit, "gather_object", lambda own: own + elsewhere)
    found = fit.at_hand_everywhere(Path("scratch/checkpoint-4"))
    assert (found.name if found else None) == agreed


def test_all_begin_where_nobody_has_a_checkpoint():
    assert fit.at_hand_everywhere(None) is None
