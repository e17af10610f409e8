"""What Dagster is given: exactly the assets of the design, complete, and the same as last time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import dagster_webserver
import pytest

from mlpo_core.chain.stages import STAGES
from mlpo_core.store.schemas import SCHEMAS, sources
from pipelines.definitions import defs
from pipelines.lineage import column_lineage, column_schema
from pipelines.links import SOURCE, code_references
from tests.support import REPOSITORY

SNAPSHOT = Path(__file__).with_name("definitions.json")
ASSETS = {
    "tasks",
    "base_models",
    "agent_proposals",
    "hard_tasks",
    "sft_dataset",
    "sft_leader",
    "mlpo_dataset",
    "mlpo_leader",
    "grpo_leader",
    "deferral_leader",
    "score_leader",
    "benchmark_proposals",
    "team_rounds",
    "dev_rounds",
    "benchmark_predictions",
    "benchmark_report",
    "published_leader",
}


def test_the_assets_are_those_of_the_design() -> None:
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == ASSETS | {"leaderboard"}
    assert {key.to_user_string() for key in graph.external_asset_keys} == {f"settings/{asset}" for asset in ASSETS}
    assert set(STAGES) == ASSETS


def test_definitions_are_as_they_were() -> None:
    now = json.loads(json.dumps(_describe()))
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    assert now == json.loads(SNAPSHOT.read_text()), "if this is on purpose, run pytest with UPDATE_SNAPSHOTS=1"


def test_every_asset_has_a_group_and_kinds_that_the_graph_has_pictures_of() -> None:
    pages = (Path(dagster_webserver.__file__).parent / "webapp" / "build").rglob("*.js")
    pictured = {kind for page in pages for kind in re.findall(r"(\w+):\{icon:", page.read_text())}
    graph = defs.resolve_asset_graph()
    for key in (*graph.materializable_asset_keys, *graph.external_asset_keys):
        node = graph.get(key)
        assert node.kinds and node.kinds <= pictured, f"{key}: {node.kinds - pictured}"
        assert node.group_name != "default", key


@pytest.mark.parametrize("asset", sorted(ASSETS))
def test_every_column_has_lineage_to_columns_that_exist(asset: str) -> None:
    lineage = column_lineage(asset).deps_by_column
    assert set(lineage) == {column.name for column in column_schema(asset).columns} == set(SCHEMAS[asset].names)
    for field in SCHEMAS[asset]:
        for source in sources(field):
            upstream, _, column = source.partition(".")
            assert column in SCHEMAS[upstream].names, f"{asset}.{field.name} names {source}"
            assert upstream in _ancestors(asset), f"{asset}.{field.name} names {source}, which it is not made from"


@pytest.mark.parametrize("asset", sorted(ASSETS))
def test_every_asset_links_to_its_code_and_to_the_reasons_for_it(asset: str) -> None:
    references = defs.get_assets_def(asset).metadata_by_key[dg.AssetKey(asset)]["dagster/code_references"]
    source, why = (Path(reference.file_path) for reference in references.code_references)
    module, _, function = STAGES[asset].function.partition(":")
    assert re.search(rf"\b(def|import)\b[^:]*\b{function}\b", source.read_text()), f"{module} in {source}"
    assert why.read_text().startswith("# ")


def test_on_a_teams_instance_the_links_lead_to_the_git_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOURCE, "https://git.example/team/mlpo/blob/abc123/")
    found = [reference.url for reference in code_references("hard_tasks").code_references]
    assert found == [
        f"https://git.example/team/mlpo/blob/abc123/{file}"
        for file in ("mlpo_core/proposals/filtering.py", "docs/decisions/grading.md")
    ]


def test_a_column_says_what_it_is_taken_from() -> None:
    described = {column.name: column.description for column in column_schema("hard_tasks").columns}
    assert described["correct_rate"] == "n_correct / n (from agent_proposals.correct)"


def test_the_workspace_file_loads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _ancestors(asset: str) -> set[str]:
    direct = set(STAGES[asset].inputs)
    return direct.union(*(_ancestors(a) for a in direct))


def _describe() -> dict[str, object]:
    graph = defs.resolve_asset_graph()
    assets = {
        key.to_user_string(): {
            "group": node.group_name,
            "upstream": sorted(k.to_user_string() for k in node.parent_keys),
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "description": node.description,
            "code_version": str(node.code_version).partition("-")[0],
            "partitions": getattr(node.partitions_def, "name", None),
            "pools": sorted(node.pools or ()),
            "checks": {c.name: {"blocking": graph.get(c).blocking} for c in sorted(node.check_keys)},
        }
        for key in sorted(graph.materializable_asset_keys)
        for node in [graph.get(key)]
    }
    repository = defs.get_repository_def()
    return {
        "assets": assets,
        "checks": sorted(f"{k.asset_key.to_user_string()}.{k.name}" for k in graph.asset_check_keys),
        "jobs": sorted(j for j in repository.job_names if not j.startswith("__")),
        "sensors": {s.name: s.default_status.value for s in repository.sensor_defs},
        "schedules": {s.name: [str(s.cron_schedule), s.default_status.value] for s in repository.schedule_defs},
    }
