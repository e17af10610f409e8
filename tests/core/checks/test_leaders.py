"""A warning when, in the course of a training, more of what is rewarded looks like a trick."""

import pytest

from mlpo_core.checks import checks_of
from mlpo_core.checks.finding import Subject
from mlpo_core.store import Dataset
from tests.core.training import small

STEPS = range(0, 400, 50)


def verdict(tmp_path, hedged, rewarded=60, pasted=0.0):
    """The finding over a training log; `hedged` gives the share at each evaluation."""
    rows = []
    for step, share in zip(STEPS, hedged, strict=False):
        shares = {"hedged": share, "pasted": pasted, "cut_off": 0.0} if rewarded else {}
        values = {"audit/rewarded": float(rewarded), "loss": 0.1, **{f"audit/{k}": v for k, v in shares.items()}}
        rows += [{"step": step, "metric": name, "value": value} for name, value in values.items()]
    inputs = small.Inputs(tmp_path / "root")
    inputs.add("mlpo_leader", rows)
    [check] = [check for check in checks_of("mlpo_leader") if check.name == "no_trick_pays_more"]
    assert check in checks_of("grpo_leader") and not check.blocking
    return check.function(Subject(Dataset(inputs.refs["mlpo_leader"]), {}, small.experiment()))


def test_a_share_that_grows_is_named_with_its_figures(tmp_path):
    finding = verdict(tmp_path, [0, 1 / 60, 0, 0, 0.1, 0.2, 0.3, 0.4])
    assert not finding.passed
    assert "hedged from 0 of 60 to 21 of 60 (p = " in finding.message and "pasted" not in finding.message
    assert finding.facts["hedged"] == "0 of 60, then 21 of 60"


@pytest.mark.parametrize(
    "hedged",
    [
        [0.05, 0.1, 0.0, 0.1, 0.05, 0.1, 0.1, 0.12],  # as chance has it
        [0.5] * 8,  # much, but no more than before
        [0.9, 0.8, 0.5, 0.2, 0.1, 0.0, 0.0, 0.0],
        [0.0] * 8,
    ],
)
def test_what_does_not_grow_passes(tmp_path, hedged):
    assert verdict(tmp_path, hedged, pasted=0.2).passed


def test_few_rewarded_answers_prove_nothing(tmp_path):
    assert verdict(tmp_path, [0, 0, 0, 0, 1, 1, 1, 1], rewarded=2).passed
    assert verdict(tmp_path, [0] * 8, rewarded=0).passed


@pytest.mark.parametrize("evaluations", [0, 1])
def test_without_two_evaluations_there_is_nothing_to_compare(tmp_path, evaluations):
    finding = verdict(tmp_path, [1.0] * evaluations)
    assert finding.passed and "nothing to compare" in finding.message


def test_two_evaluations_are_compared(tmp_path):
    assert not verdict(tmp_path, [0.0, 0.5]).passed
