"""Who generates with which engine, and what of it a version's key covers."""

import pytest

from mlpo_core.chain.keys import origin
from mlpo_core.chain.stages import STAGES
from mlpo_core.experiment import Experiment
from tests.mini_chain import AGENTS, experiment

REMOTE = {"kind": "openai", "base_url": "http://one/v1"}


def team(**engines: object) -> dict[str, object]:
    """A team whose members have engines of their own."""
    return {
        "agents": [
            {"name": a, "model": f"models/{a}"} | ({"engine": engines[a]} if a in engines else {}) for a in AGENTS
        ]
    }


def covered(asset: str, config: Experiment) -> object:
    """All that a key covers besides its inputs."""
    stage = STAGES[asset]
    found = origin(stage, config, dict.fromkeys(stage.inputs))
    return found.config, found.versions


@pytest.mark.parametrize("asset", list(STAGES))
@pytest.mark.parametrize(
    "other",
    [
        {"base_url": "http://two/v1"},
        {"concurrency": 2},
        {"key_variable": "TWO_API_KEY"},
        {"price": {"input": 1, "output": 2}},
        {"requests_per_minute": 5, "tokens_per_minute": 5, "timeout_s": 5, "retries": 1},
        {"max_tokens_field": "max_completion_tokens"},
    ],
)
def test_what_changes_no_row_is_in_no_key(asset: str, other: dict[str, object]) -> None:
    one, two = (experiment(team=team(alpha=engine)) for engine in (REMOTE, {**REMOTE, **other}))
    assert covered(asset, one) == covered(asset, two)


def test_a_budget_is_in_no_key() -> None:
    one, two = (experiment(budget=dollars) for dollars in (None, 3.0))
    assert all(covered(asset, one) == covered(asset, two) for asset in STAGES)


WRITTEN_BY_AGENTS = {
    *("agent_proposals", "benchmark_proposals", "team_rounds", "dev_rounds", "benchmark_report", "published_leader")
}


@pytest.mark.parametrize("other", [{"extra_body": {"top_k": 5}}, {"reasoning_effort": "low"}, {"send_seed": False}])
def test_what_changes_the_request_is_in_the_keys_of_what_agents_write(other: dict[str, object]) -> None:
    one, two = (experiment(team=team(alpha=engine)) for engine in (REMOTE, {**REMOTE, **other}))
    changed = {asset for asset in STAGES if covered(asset, one) != covered(asset, two)}
    assert changed == WRITTEN_BY_AGENTS


def test_fields_that_are_not_set_leave_keys_as_they_were() -> None:
    config, _ = covered("agent_proposals", experiment())  # type: ignore[misc]
    assert set(config["config"]["engine"]) == {
        *("kind", "dtype", "batch_tokens", "max_model_len", "gpu_memory_utilization", "tensor_parallel_size"),
    }


def test_an_agents_engine_makes_only_what_agents_write_again() -> None:
    one, two = experiment(), experiment(team=team(alpha={"kind": "vllm"}))
    changed = {asset for asset in STAGES if covered(asset, one) != covered(asset, two)}
    assert changed == WRITTEN_BY_AGENTS


def test_a_leaders_engine_makes_only_what_it_writes_again() -> None:
    one = experiment()
    assert one.leader
    two = experiment(leader={**one.leader.model_dump(exclude={"engine"}), "engine": {"kind": "vllm"}})
    changed = {asset for asset in STAGES if covered(asset, one) != covered(asset, two)}
    assert changed == {"sft_dataset", "team_rounds", "dev_rounds", "benchmark_report", "published_leader"}


def test_a_models_conversion_does_not_depend_on_the_engine() -> None:
    one, two = experiment(), experiment(engine={"kind": "vllm", "dtype": "bfloat16"})
    for asset in ("tasks", "base_models"):
        assert covered(asset, one) == covered(asset, two)
    assert covered("base_models", one) != covered("base_models", experiment(team=team(alpha=REMOTE)))
