"""Claim (a) once more, on another seed, with the frozen models that `tiny` has trained: a leader's training pays."""

import numpy as np
import pytest

from mlpo_core.benchmark.comparisons import compare
from mlpo_core.benchmark.outcomes import Way, read_outcomes
from mlpo_core.benchmark.statistics import holm
from mlpo_core.chain.experiments import find
from mlpo_core.chain.points import make_chain
from mlpo_core.chain.spec import versions
from mlpo_core.store import Dataset, Store
from tests.conftest import TinyRun

pytestmark = pytest.mark.long

SEED = 92
"""Neither that of `tiny` nor one of those that the claims are reported on."""
SETTINGS = (
    f"seed={SEED}",
    "tasks.0.seed=1",
    "base_models.seed=1",
    "proposals.benchmark_samples=2",
    "mlpo.steps=100",
    "mlpo.eval_prompts=0",
    "grpo.enabled=false",
    "inference.rounds=1",
    "benchmark.votes=[3, 4]",
    "benchmark.methods=[majority_vote, best_of_team, untrained_leader/team, sft_leader/team, mlpo_leader/team]",
)
RIVALS = (
    Way("majority_vote@3", 0),
    Way("majority_vote@4", 0),
    Way("best_of_team", 0),
    Way("untrained_leader/team", 1),
    Way("sft_leader/team", 1),
)


def test_the_trained_leader_beats_votes_the_best_agent_and_the_leaders_before_training(tiny_run: TinyRun) -> None:
    store = Store(tiny_run.root)
    experiment = find("tiny", SETTINGS).model_copy(update={"name": "tiny-another-seed"})
    assert list(make_chain(experiment, store, "benchmark_predictions"))
    refs = versions(experiment, store)
    assert refs["base_models"].key == tiny_run.dataset("base_models").ref.key
    outcomes = read_outcomes(Dataset(refs["tasks"]), Dataset(refs["benchmark_predictions"]))
    leader = outcomes.answers[Way("mlpo_leader/team", 1)].correct
    assert leader.shape == (1, 1200)
    compared = [compare(leader, outcomes.answers[rival].correct, rival) for rival in RIVALS]
    assert np.all([found.paired.difference > 0 for found in compared])
    assert max(holm([found.p for found in compared])) < 0.05
