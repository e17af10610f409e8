from pathlib import Path

import pytest
import yaml

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, load, parse, restrict

MINIMAL = {
    "name": "small",
    "tasks": [{"benchmark": "bbh"}],
    "team": {"agents": [{"name": "a", "model": "org/model-1B"}]},
}


def bad(**changes: object) -> str:
    with pytest.raises(BadInput) as error:
        parse({**MINIMAL, **changes}, "small.yaml")
    return str(error.value)


def test_defaults_are_the_papers_where_it_gives_them() -> None:
    experiment = parse(MINIMAL, "small.yaml")
    assert experiment.filter.max_correct_rate == 0.75
    assert experiment.proposals.samples_per_agent == 4
    assert experiment.inference.rounds == 5
    assert experiment.k == 1


def test_an_unknown_key_is_named_with_its_section() -> None:
    message = bad(filter={"max_corect_rate": 0.5})
    assert "small.yaml" in message and "filter.max_corect_rate" in message and "unknown key" in message


def test_a_wrong_type_is_named_with_its_value() -> None:
    message = bad(mlpo={"steps": "many"})
    assert "mlpo.steps" in message and "'many'" in message


def test_every_mistake_is_listed_at_once() -> None:
    message = bad(mlpo={"steps": 0, "group_size": 1}, seed="x")
    assert all(field in message for field in ("mlpo.steps", "mlpo.group_size", "seed"))


def test_a_members_engine_overrides_the_experiments_field_by_field() -> None:
    agents = [
        {"name": "a", "model": "x", "engine": {"base_url": "http://a/v1", "key_variable": "A_API_KEY"}},
        {"name": "b", "model": "y", "engine": {"kind": "vllm"}},
        {"name": "c", "model": "z"},
    ]
    shared = {"kind": "openai", "base_url": "http://shared/v1", "concurrency": 3}
    leader = {"model": "here", "engine": {"kind": "transformers"}}
    experiment = parse({**MINIMAL, "team": {"agents": agents}, "leader": leader, "engine": shared}, "small.yaml")
    first, second, third = (experiment.engine_of(agent) for agent in experiment.team.agents)
    assert (first.kind, first.base_url, first.key_variable) == ("openai", "http://a/v1", "A_API_KEY")
    assert (second.kind, second.concurrency) == ("vllm", 3)
    assert third == experiment.engine and third.key_variable == "OPENAI_API_KEY"
    assert experiment.leader and experiment.engine_of(experiment.leader).kind == "transformers"
    assert parse(experiment.model_dump(mode="json"), "again") == experiment, "a phase reads what it was sent"


def test_a_leader_behind_an_endpoint_is_refused() -> None:
    message = bad(leader={"model": "m"}, engine={"kind": "openai", "base_url": "http://shared/v1"})
    assert "leader: {engine: {kind: transformers}}" in message


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "HOME", "my_api_key"])
def test_a_key_is_read_from_a_variable_made_for_it(variable: str) -> None:
    assert "key_variable" in bad(engine={"kind": "openai", "key_variable": variable})


def test_agents_need_distinct_names() -> None:
    agents = [{"name": "a", "model": "x"}, {"name": "a", "model": "y"}]
    assert "unique" in bad(team={"agents": agents})


def test_an_absent_file_and_broken_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"absent\.yaml"):
        load(tmp_path / "absent.yaml")
    (tmp_path / "broken.yaml").write_text("tasks: [")
    with pytest.raises(BadInput, match=r"broken\.yaml"):
        load(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(BadInput, match="mapping"):
        load(tmp_path / "list.yaml")


def test_overrides_set_nested_values(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(MINIMAL))
    experiment = load(file, ("filter.max_correct_rate=0.5", "team.agents.0.name=b", "benchmark.votes=[3, 12]"))
    assert experiment.filter.max_correct_rate == 0.5
    assert experiment.team.agents[0].name == "b"
    assert experiment.benchmark.votes == (3, 12)
    with pytest.raises(BadInput, match="SECTION"):
        load(file, ("filter",))


def test_a_restricted_view_refuses_other_sections() -> None:
    view = restrict(parse(MINIMAL, "small.yaml"), ("filter",))
    assert view.filter.max_correct_rate == 0.75
    with pytest.raises(AttributeError):
        _ = view.mlpo


def test_a_resolved_experiment_reads_back_equal() -> None:
    experiment = parse(MINIMAL, "small.yaml")
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


@pytest.mark.parametrize("file", sorted(Path("experiments").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_experiment_is_valid_and_named_after_its_file(file: Path) -> None:
    assert load(file).name == file.stem


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    message = bad(engine={"kind": "openai", "base_url": "https://me:hunter2@host/v1"})
    assert "engine.base_url" in message and "OPENAI_API_KEY" in message and "hunter2" not in message


def test_a_budget_wants_prices() -> None:
    engine = {"kind": "openai", "base_url": "http://host/v1"}
    team = {"agents": [{"name": "a", "model": "m", "engine": engine}]}
    assert "team.agents.0.engine" in bad(team=team, budget=1)
    parse({**MINIMAL, "team": team, "budget": 1, "engine": {"price": {"input": 1, "output": 2}}}, "small.yaml")


@pytest.mark.parametrize("field", ["model", "messages", "n", "stream", "max_tokens", "seed"])
def test_further_fields_of_a_request_override_none_of_ours(field: str) -> None:
    assert f"{field} is no further field" in bad(engine={"kind": "openai", "extra_body": {field: 1}})


def test_further_fields_of_a_request_are_json() -> None:
    assert "JSON" in bad(engine={"extra_body": {"when": float("nan")}})


@pytest.mark.parametrize("url", ["https://host/v1?api-key=hunter2", "https://host/v1#hunter2"])
def test_an_address_with_a_query_is_refused_without_repeating_it(url: str) -> None:
    message = bad(engine={"kind": "openai", "base_url": url})
    assert "engine.base_url" in message and "hunter2" not in message


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("tasks.first=1", "first is no item of this list; its items are 0 to 0"),
        ("tasks.9=1", "9 is no item of this list"),
        ("tasks.9.source=x", "9 is no item of this list"),
        ("team.agents.-1.name=x", "-1 is no item of this list"),
        ("seed.a=1", "seed is not a section"),
        ("=1", "expected SECTION.KEY=VALUE"),
    ],
)
def test_an_override_that_leads_nowhere_says_where_it_ends(tmp_path: Path, setting: str, reason: str) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump({**MINIMAL, "seed": 1}))
    with pytest.raises(BadInput, match=reason):
        load(file, (setting,))


def test_a_mistake_in_an_item_is_reported_once() -> None:
    message = bad(tasks=[{"benchmark": "bbh", "sorce": "x"}])
    assert message.splitlines()[1:] == [
        "  tasks.0.sorce: unknown key; did you mean source? (docs/, Settings, lists all)"
    ]


@pytest.mark.parametrize(
    ("changes", "near"),
    [({"leeder": {}}, "leader"), ({"mlpo": {"step": 1}}, "steps"), ({"leader": {"model": "x", "modle": 1}}, "model")],
)
def test_an_unknown_key_brings_the_one_that_was_meant(changes: dict[str, object], near: str) -> None:
    assert f"did you mean {near}?" in bad(**changes)


def test_only_listed_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = {"name": "a", "model": "$AWS_SECRET_ACCESS_KEY"}
    message = bad(tasks=[{"benchmark": "bbh", "source": "${HF_TOKEN}/x"}], team={"agents": [agent]})
    assert "tasks.0.source" in message and "team.agents.0.model" in message and "MLPO_ALLOWED_VARIABLES" in message
    assert "engine.recorded" in bad(engine={"recorded": "$MLPO_DATA_DIR/$HF_TOKEN"})
    monkeypatch.setenv("MLPO_ALLOWED_VARIABLES", "SCRATCH, MODELS")
    source = "$MLPO_DATA_DIR/$SCRATCH/${MODELS}"
    assert parse({**MINIMAL, "tasks": [{"benchmark": "bbh", "source": source}]}, "x").tasks[0].source == source


def test_recorded_agents_have_any_name_but_none_and_are_read_again_as_they_were_written() -> None:
    recorded = {"tasks": [{"benchmark": "bbh", "source": "recorded"}], "engine": {"kind": "recorded", "recorded": "r"}}
    team = {"agents": [{"name": "a", "model": "recorded:meta/llama 3"}]}
    experiment = parse({**MINIMAL, **recorded, "team": team}, "small.yaml")
    assert experiment.tasks[0].answered_by == ("meta/llama 3",)
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment
    assert "does not say whose answers" in bad(**recorded, team={"agents": [{"name": "a", "model": "recorded:"}]})


def test_a_leader_of_votes_is_not_asked_alone() -> None:
    leader = {"model": "pretrain:qwen3", "information": "votes"}
    assert "sft.solo_share: a leader that is shown votes" in bad(leader=leader)
    assert "mlpo.solo_share: a leader" in bad(leader=leader, sft={"enabled": False}, mlpo={"solo_share": 0.5})
    assert "grpo.enabled: a leader" in bad(leader=leader, sft={"enabled": False})
    off = {"sft": {"enabled": False}, "grpo": {"enabled": False}}
    assert parse({**MINIMAL, "leader": leader, **off}, "small.yaml").leader
