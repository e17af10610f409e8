"""Changing one setting changes exactly the keys of the stages that depend on it."""

from pathlib import Path

import pytest

from mlpo_core.chain.keys import key, origin
from mlpo_core.chain.stages import STAGES
from mlpo_core.experiment import Experiment, load
from mlpo_core.experiment.section import IF_SET, Section
from mlpo_core.store import VersionRef
from mlpo_core.store.schemas import SCHEMAS, sources

PAPER = Path("experiments/paper.yaml")
CHAIN = list(STAGES)


def keys(*overrides: str) -> dict[str, str]:
    """Keys along the chain, where every stage's digest is its key: content changes exactly when the key does."""
    experiment = load(PAPER, overrides)
    refs: dict[str, VersionRef | None] = {}
    for asset, stage in STAGES.items():
        if stage.skipped(experiment):
            refs[asset] = None
            continue
        name = key(asset, origin(stage, experiment, refs))
        refs[asset] = VersionRef(asset=asset, url="", key=name, digest=name)
    return {asset: ref.key if ref else "skipped" for asset, ref in refs.items()}


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_core.chain.stages.source_fingerprint", lambda _: {})
    for stage in STAGES.values():
        monkeypatch.setitem(stage.__dict__, "external", lambda _: {})


LEADERS = {"sft_dataset", "sft_leader", "mlpo_dataset", "mlpo_leader", "grpo_leader"}
REPORTED = {"benchmark_predictions", "benchmark_report", "published_leader"}
EVALUATED = {"team_rounds"} | REPORTED


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("filter.max_correct_rate=0.5", {"hard_tasks"} | LEADERS | EVALUATED),
        ("mlpo.learning_rate=2.0e-6", {"mlpo_leader", "grpo_leader"} | EVALUATED),
        ("mlpo.solo_share=0.5", {"mlpo_dataset", "mlpo_leader", "grpo_leader"} | EVALUATED),
        ("mlpo.mix={tied: 1.0}", {"mlpo_dataset", "mlpo_leader", "grpo_leader"} | EVALUATED),
        ("mlpo.curriculum=hard_last", {"mlpo_leader", "grpo_leader"} | EVALUATED),
        ("grpo.steps=7", {"grpo_leader"} | EVALUATED),
        ("sft.steps=7", {"sft_leader", "mlpo_leader", "grpo_leader"} | EVALUATED),
        ("sft.samples=7", {"sft_dataset", "sft_leader", "mlpo_leader", "grpo_leader"} | EVALUATED),
        ("proposals.benchmark_samples=7", {"benchmark_proposals"} | EVALUATED),
        ("inference.rounds=2", EVALUATED),
        ("benchmark.methods=[single]", EVALUATED),
        ("benchmark.votes=[3,5]", REPORTED),
        ("benchmark.claims=[[mlpo_leader/team,any_correct]]", REPORTED - {"benchmark_predictions"}),
        ("launcher=ray", set()),
        ("score.alpha=3.0", set()),
        ("seed=2", set(CHAIN) - {"deferral_leader", "score_leader", "dev_rounds"}),
    ],
)
def test_one_knob_changes_exactly_what_depends_on_it(override: str, changed: set[str]) -> None:
    before, after = keys(), keys(override)
    assert {a for a in CHAIN if before[a] != after[a]} == changed


def test_keys_are_the_same_in_every_call() -> None:
    assert keys() == keys()


def test_inputs_come_before_what_reads_them() -> None:
    for index, (_, stage) in enumerate(STAGES.items()):
        assert set(stage.inputs) <= set(CHAIN[:index])


def test_what_stages_say_that_they_read_exists() -> None:
    experiment = load(PAPER)
    for stage in STAGES.values():
        for part in stage.reads(experiment):
            section, _, setting = part.partition(".")
            assert section in Experiment.model_fields
            assert not setting or setting in type(getattr(experiment, section)).model_fields, part


@pytest.mark.parametrize("asset", CHAIN)
def test_a_stage_sees_exactly_the_settings_that_its_key_covers(asset: str) -> None:
    """What it does not declare it cannot read, so that no change of it could go unnoticed; what it declares counts."""
    experiment, stage = load(PAPER), STAGES[asset]
    view, covered = stage.view(experiment), stage.settings(experiment)
    declared = stage.reads(experiment)
    for name in Experiment.model_fields:
        assert hasattr(view, name) == (name in covered) == any(p.partition(".")[0] == name for p in declared)
        section = getattr(experiment, name)
        if not isinstance(section, Section) or name not in covered or name in declared:
            continue
        for setting, field in type(section).model_fields.items():
            seen = hasattr(getattr(view, name), setting)
            assert seen == (f"{name}.{setting}" in declared), f"{name}.{setting}"
            stands = "lora_rank" if setting == "lora" else setting  # an adapter of a rank alone
            assert IF_SET in field.metadata or seen == (stands in covered[name]), f"{name}.{setting}"


def test_every_column_says_where_it_comes_from() -> None:
    """A source names an existing column of a stage that the asset's own stage can reach."""
    for asset, schema in SCHEMAS.items():
        for field in schema:
            for source in sources(field):
                upstream, _, column = source.partition(".")
                assert column in SCHEMAS[upstream].names, f"{asset}.{field.name} <- {source}"
                assert CHAIN.index(upstream) < CHAIN.index(asset), f"{asset}.{field.name} <- {source}"


def test_models_depend_on_what_a_leader_is_shown_only_where_that_is_votes() -> None:
    alone = ("sft.solo_share=0", "mlpo.solo_share=0", "grpo.enabled=false", "benchmark.methods=[single]")
    read = [
        STAGES["base_models"].settings(load(PAPER, (*alone, f"leader.information={shown}")))
        for shown in ("full", "answers", "votes")
    ]
    assert read[0] == read[1] != read[2]
