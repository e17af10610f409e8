"""A stage's key covers the code that it runs, and nothing that changes no row."""

import ast
import shutil
from pathlib import Path

import pytest

from mlpo_core.chain import code
from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run_text
from mlpo_core.chain.spec import Spec, resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.engines.opening import ENGINES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import load
from mlpo_core.store import Store
from tests.support import REPOSITORY

CORE = REPOSITORY / "mlpo_core"


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Replaces text in one module, as the fingerprint reads it."""
    original = code._path

    def edit(module: str, old: str, new: str) -> None:
        path = original(module)
        assert path
        text = path.read_text()
        assert old in text
        changed = tmp_path / path.name
        changed.write_text(text.replace(old, new))
        monkeypatch.setattr(code, "_path", lambda name: changed if name == module else original(name))
        for cached in (code._imported, code._digest):
            cached.cache_clear()

    yield edit
    monkeypatch.undo()
    for cached in (code._imported, code._digest):
        cached.cache_clear()


def codes() -> dict[str, str]:
    return {asset: stage.code() for asset, stage in STAGES.items()}


def changed(edit, module: str, old: str, new: str) -> set[str]:
    before = codes()
    edit(module, old, new)
    after = codes()
    return {asset for asset in STAGES if before[asset] != after[asset]}


def test_a_changed_template_costs_exactly_the_stages_that_use_it(edited, tmp_path: Path, monkeypatch) -> None:
    before = codes()
    shutil.copytree(CORE / "prompts", tmp_path / "prompts")
    template = tmp_path / "prompts" / "templates" / "leader.jinja"
    template.write_text(template.read_text().replace("You lead a team.", "You lead a good team."))
    place = code._place
    monkeypatch.setattr(
        code, "_place", lambda m: tmp_path / "prompts" / "leader" if m == "mlpo_core.prompts.leader" else place(m)
    )
    code._digest.cache_clear()
    found = {asset for asset, now in codes().items() if now != before[asset]}
    reading_the_team = {"sft_dataset", "mlpo_dataset", "team_rounds"}
    training = {"mlpo_leader", "grpo_leader"}  # the baseline's prompts, and those of later rounds, are made in training
    assert reading_the_team | training <= found
    assert not found & {"tasks", "agent_proposals", "hard_tasks", "sft_leader", "benchmark_proposals"}


def test_a_negated_reward_costs_the_leaders_trained_by_it(edited) -> None:
    source = (CORE / "training" / "rewards.py").read_text()
    line = next(line for line in source.splitlines() if line.strip().startswith("return "))
    found = changed(edited, "mlpo_core.training.rewards", line, line.replace("return ", "return -1 * "))
    assert found == {"mlpo_leader", "grpo_leader", "score_leader"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What the leader reads:', '"""All that the leader reads:'),
        ("from mlpo_core.types import Task\n", "from mlpo_core.types import Task\n\n# A remark.\n"),
        ("    if not shown:\n", "    if not shown:\n\n"),
    ],
)
def test_words_about_code_cost_nothing(edited, old: str, new: str) -> None:
    assert changed(edited, "mlpo_core.prompts.leader", old, new) == set()


def test_what_only_carries_rows_costs_nothing(edited) -> None:
    assert changed(edited, "mlpo_core.store.ahead", "def in_order", "_EXTRA = 1\n\n\ndef in_order") == set()


def test_the_program_that_a_module_starts_is_covered(edited) -> None:
    found = changed(edited, "mlpo_core.grading.worker", "\n\n\ndef _serve", "\n\n\n_EXTRA = 1\n\n\ndef _serve")
    assert {"agent_proposals", "mlpo_leader", "team_rounds"} <= found
    assert "hard_tasks" not in found


def test_the_reports_templates_are_covered(monkeypatch, tmp_path) -> None:
    original = code._path("mlpo_core.benchmark.report")
    assert original and list(original.parent.glob("templates/*.j2"))
    before = code._digest("mlpo_core.benchmark.report")
    copy = tmp_path / "report"
    (copy / "templates").mkdir(parents=True)
    (copy / "__init__.py").write_text(original.read_text())
    for template in original.parent.glob("templates/*"):
        (copy / "templates" / template.name).write_bytes(template.read_bytes())
    monkeypatch.setattr(code, "_place", lambda _: copy)
    assert code._digest.__wrapped__("mlpo_core.benchmark.report") == before
    (copy / "templates" / "parts.html.j2").write_text("other")
    assert code._digest.__wrapped__("mlpo_core.benchmark.report") != before


def test_the_engine_that_generates_is_covered_and_no_other() -> None:
    stage = STAGES["agent_proposals"]
    codes = {kind: stage.code(_with_engine(kind)) for kind in ENGINES}
    assert len(set(codes.values())) == len(ENGINES)
    assert STAGES["hard_tasks"].code(_with_engine("vllm")) == STAGES["hard_tasks"].code()


def test_every_stages_function_is_there() -> None:
    for stage in STAGES.values():
        module, _, name = stage.function.partition(":")
        path = code._path(module)
        assert path, stage.function
        functions = {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)}
        assert name in functions, stage.function


def test_code_that_was_edited_since_a_version_was_asked_for_is_refused(edited, tmp_path) -> None:
    experiment = find("tiny")
    spec = resolve("tasks", experiment, Store(str(tmp_path)))
    assert Spec.model_validate_json(spec.model_dump_json()) == spec
    edited("mlpo_core.tasks.build", "def build(", "_EXTRA = 1\n\n\ndef build(")
    with pytest.raises(BadInput, match="tasks: mlpo_core was edited while this ran"):
        run_text(spec.model_dump_json())


def _with_engine(kind: str):
    settings = (f"engine.kind={kind}", "engine.base_url=http://127.0.0.1:1/v1", "leader.engine={kind: vllm}")
    return load(REPOSITORY / "experiments" / "paper.yaml", settings)
