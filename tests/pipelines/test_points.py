"""Settings of one run at the launchpad: typed, checked, and made under a name of their own."""

from collections.abc import Mapping

import dagster as dg
import pytest
from dagster import validate_run_config

from mlpo_core.chain.experiments import find
from mlpo_core.experiment.changeable import changeable
from mlpo_core.store import Store
from mlpo_core.store.points import recorded
from pipelines.definitions import defs
from pipelines.defs.points import named_points, try_settings
from pipelines.launchpad import said, schema
from pipelines.partitions import changes
from pipelines.tags import APPROVED, POINT
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure

NAME = "votes--seed=7"


def asked(**config: object) -> dict[str, object]:
    return {"ops": {"name_settings": {"config": {"experiment": "votes", **config}}}}


def test_every_changeable_setting_stands_at_the_launchpad_with_type_and_default() -> None:
    fields = schema()
    shown = {
        "seed": fields["seed"],
        **{
            f"{section}.{key}": inner
            for section, field in fields.items()
            for key, inner in getattr(field.config_type, "fields", {}).items()
        },
    }
    assert set(shown) == set(changeable())
    assert shown["filter.max_correct_rate"].description.endswith("Default: 0.75.")
    assert shown["grpo.steps"].description.endswith("Default: that of mlpo.")
    assert not any(field.is_required for field in shown.values())


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"filter": {"max_correct_rate": "much"}}, "Invalid scalar"),
        ({"sft": {"connector": "magic"}}, "not in enum"),
        ({"engine": {"base_url": "http://elsewhere"}}, 'unexpected config entry "engine"'),
        ({"filter": {"keep": "os:system"}}, 'unexpected config entry "keep"'),
        ({"assets": ["everything"]}, "not in enum"),
    ],
)
def test_the_launchpad_refuses_what_is_no_setting_or_of_another_type(config: Mapping[str, object], why: str) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=why):
        validate_run_config(try_settings, asked(**config))


def test_settings_become_a_partition_that_is_made_next(workshop: Workshop) -> None:
    result = try_settings.execute_in_process(
        asked(seed=7, assets=["tasks"]), instance=workshop.instance, tags={APPROVED: "votes"}
    )
    assert result.success
    assert workshop.instance.get_run_by_id(result.run_id).tags[POINT] == NAME
    assert NAME in workshop.instance.get_dynamic_partitions("experiment")
    new, retired = changes(workshop.instance)
    assert (new, retired) == (["votes"], []), "the sensor keeps it"

    [request] = requests(workshop, result)
    assert (request.partition_key, request.run_key) == (NAME, result.run_id)
    assert (request.asset_selection, request.tags[APPROVED]) == ([dg.AssetKey("tasks")], "votes")
    for experiment in (NAME, "votes"):
        made = workshop.materialize("tasks", experiment=experiment)
        assert made.success, failure(made)
    before, now = (Store().pointed(name, "tasks") for name in ("votes", NAME))
    assert before and now and before.key != now.key, "and votes keeps its own"
    workshop.write(description="edited")
    assert find(NAME).description == "edited", "what is not changed follows the file"
    (workshop.folder / "experiments" / "votes.yaml").unlink()
    workshop.write("other")
    assert set(changes(workshop.instance).retired) == {"votes", NAME}


def test_a_wrong_value_ends_the_run_with_field_and_reason(workshop: Workshop) -> None:
    config = asked(filter={"max_correct_rate": 1.5})
    result = try_settings.execute_in_process(config, instance=workshop.instance, raise_on_error=False)
    assert not result.success
    assert "filter.max_correct_rate: Input should be less than or equal to 1 (got 1.5)" in failure(result)
    assert recorded(Store()) == []


def test_what_is_said_is_what_is_set() -> None:
    assert said({"experiment": "votes", "seed": 3, "sft": {"tasks": None, "steps": 2}}) == {
        "seed": 3,
        "sft.tasks": None,
        "sft.steps": 2,
    }


def requests(workshop: Workshop, result: dg.ExecuteInProcessResult) -> list[dg.RunRequest]:
    context = dg.build_run_status_sensor_context(
        sensor_name=named_points.name,
        dagster_event=next(e for e in result.all_events if e.is_job_success),
        dagster_instance=workshop.instance,
        dagster_run=workshop.instance.get_run_by_id(result.run_id),
        repository_def=defs.get_repository_def(),
    )
    return list(named_points(context))
