"""Leaders that defer and that correct themselves, and a router that selects, through a whole chain in Dagster, and led
to another team there."""

from pathlib import Path

import pytest

from mlpo_core.benchmark.metric import from_table
from mlpo_core.chain.experiments import find, skipped
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve, versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.store import Dataset, Store
from tests.core.training import small
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure, metadata

METHODS = ["single", "select_llm", "deferral_leader", "score_leader"]
ATTEMPTS = ["score_leader/team", "score_leader/first", "score_leader/solo"]


def team(*agents: str) -> dict[str, object]:
    return {"agents": [{"name": agent, "model": f"recorded:{agent}"} for agent in agents]}


@pytest.fixture
def leader(workshop: Workshop) -> Path:
    """The experiments `home`, and `away` with a smaller team that the leaders of `home` are led to; a random leader."""
    from mlpo_core.models.laboratory.tokenizer import character_tokenizer

    folder, tokenizer = workshop.folder / "leader", character_tokenizer()
    small.small_model("qwen3", len(tokenizer), max_position_embeddings=1024).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings: dict[str, object] = {
        "leader": {"model": str(folder), "max_context": 800, "max_new_tokens": 8},
        "filter": {"max_correct_rate": None},
        "sft": {"enabled": False, "steps": 40, "batch_size": 2, "learning_rate": 1e-2, "warmup_share": 0.0},
        "mlpo": {"steps": 1, "prompts_per_step": 2, "group_size": 2, "eval_prompts": 0},
        "grpo": {"enabled": False},
        "inference": {"rounds": 1},
        "benchmark": {"methods": METHODS},
        "engine": {"kind": "transformers", "dtype": "float32", "recorded": "$MLPO_DATA_DIR"},
    }
    workshop.write("home", **settings)
    workshop.write("away", **settings, team=team("poor", "good"), trained_by="home")
    return folder


@pytest.mark.slow
def test_deferral_and_selection_through_a_whole_chain(workshop: Workshop, leader: Path) -> None:
    store, before = Store(str(workshop.folder / "root")), list(STAGES)[: list(STAGES).index("team_rounds")]
    for name, assets in (("home", STAGES), ("away", before)):
        for asset in assets:
            run(resolve(asset, find(name), store))
    result = workshop.materialize(experiment="away")
    assert result.success, failure(result)
    for name in ("home", "away"):
        made = versions(find(name), store)
        assert made.keys() == {asset for asset in STAGES if not skipped(asset, find(name))}
        assert "deferral_leader" in made
        _answers_are_those_of_the_team(made, ["good", "fair", "poor"] if name == "home" else ["poor", "good"])
        figures = from_table(Dataset(made["benchmark_report"]).table())
        assert {m.method for m in figures if m.table == "accuracy"} >= {"select_llm", "deferral_leader", *ATTEMPTS}
        for leader_ in ("deferral_leader", "score_leader"):
            assert [m.value for m in figures if (m.table, m.method, m.metric) == ("training", leader_, "steps")]
        assert "SCoRe" not in Dataset(made["benchmark_report"]).read_file("report.md").decode()
    assert str(metadata(result, "deferral_leader")["outcome"]).startswith("reused version")
    assert str(metadata(result, "team_rounds")["outcome"]).startswith("made version")


def _answers_are_those_of_the_team(made, agents: list[str]) -> None:
    """Every test task once by every method; an answer is that of a member, or none where none was named."""
    rows = list(Dataset(made["benchmark_predictions"]).rows())
    tasks = {row["task_id"] for row in rows}
    methods = [*(f"single:{agent}" for agent in agents), "select_llm", "deferral_leader", *ATTEMPTS]
    assert {(r["method"], r["task_id"]) for r in rows} == {(m, t) for m in methods for t in tasks}
    assert len(rows) == len(methods) * len(tasks) > 0
    given = {t: {r["extracted"] for r in rows if r["task_id"] == t and r["method"][:7] == "single:"} for t in tasks}
    chosen = [r for r in rows if r["method"] in ("select_llm", "deferral_leader")]
    assert all(r["extracted"] in given[r["task_id"]] for r in chosen if r["extracted"] is not None)
    assert all(r["extracted"] is not None for r in chosen if r["method"] == "select_llm")
    calls = {r["method"]: r["generations"] for r in rows}
    assert [calls[method] for method in ATTEMPTS] == [len(agents) + 1, 1, 2]
    deferred = [r for r in chosen if r["method"] == "deferral_leader"]
    assert {r["generations"] for r in deferred} == {len(agents) + 1}
    assert any(r["extracted"] is not None for r in deferred), "the leader learnt to name somebody"
