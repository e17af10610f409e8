"""A package from outside adds a checker, a reward, a filter, an order and a method; keys know its code."""

import os
import tomllib
from pathlib import Path

import pytest

from mlpo_core.benchmark import predictions
from mlpo_core.chain.keys import origin
from mlpo_core.chain.plugged import plugged
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, Grading
from mlpo_core.grading import Grader
from mlpo_core.methods import check_methods
from mlpo_core.plugins import source
from mlpo_core.proposals import filtering
from mlpo_core.training.curriculum import key_of
from mlpo_core.training.rewards import Reward
from mlpo_core.training.terms import terms_of
from mlpo_core.types import Task
from tests import mini_chain as mini
from tests.support import REPOSITORY

TO_THE_REPORT = list(STAGES)[: list(STAGES).index("benchmark_report") + 1]
PACKAGE = REPOSITORY / "tests" / "plugin_package"
BY_PATH = {
    "mlpo": {
        "reward": ["correct", {"format": 0.1}, {"lab_extras.rewards:brevity": 0.2}],
        "curriculum": "lab_extras.orders:short_first",
    },
    "filter": {"keep": "lab_extras.filters:disputed"},
    "benchmark": {"methods": ["single", "lab_extras.methods:Shortest"]},
}
BY_NAME = {
    "mlpo": {"reward": ["correct", {"format": 0.1}, {"brevity": 0.2}], "curriculum": "short_first"},
    "filter": {"keep": "disputed"},
    "benchmark": {"methods": ["single", "shortest"]},
}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The package as `pip install` leaves it: importable, with what says which entry points it has."""
    points = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["entry-points"]
    info = tmp_path / "site" / "lab_extras-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: lab-extras\nVersion: 1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in own.items()) for group, own in points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(info.parent)
    monkeypatch.syspath_prepend(PACKAGE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (PACKAGE, info.parent, REPOSITORY))))  # of workers


@pytest.fixture(params=[BY_PATH, BY_NAME], ids=["by path", "by entry point"])
def experiment(request: pytest.FixtureRequest) -> Experiment:
    return mini.experiment(**request.param)


@pytest.mark.parametrize("checker", ["lab_extras.checks:one_of", "one_of"])
def test_the_checker_says_what_is_right(checker: str) -> None:
    task = Task("t", "mine", "", "test", "The capital of Iceland?", (), "Reykjavik|Reykjavík", "checker")
    said = ("<answer>Reykjavík</answer>", "<answer>reykjavik</answer>", "<answer>Oslo</answer>")
    with Grader(1, Grading(checkers={"mine": checker})) as grader:
        found = grader.grade_many([(task, response) for response in said])
    assert [verdict.correct for verdict in found] == [True, True, False]


def test_the_filter_keeps_what_the_agents_disagree_on(tmp_path: Path, experiment: Experiment) -> None:
    store = mini.store(tmp_path)
    answers = {0: ("0", "wrong"), 1: ("wrong", "wrong"), 2: ("other", "wrong")}
    rows = [
        mini.proposal(mini.task(n), agent, 0, said)
        for n, pair in answers.items()
        for agent, said in zip(mini.AGENTS, pair, strict=False)
    ]
    ctx = mini.context(store, "hard_tasks", experiment, {"agent_proposals": mini.put(store, "agent_proposals", rows)})
    made = mini.commit(ctx, filtering.run(ctx))
    assert [row["reason"] for row in made.rows()] == ["kept", "refused", "kept"]
    assert made.manifest.stats["headline"]["refused"] == 1


def test_the_method_is_compared_under_its_own_name(tmp_path: Path, experiment: Experiment) -> None:
    store = mini.store(tmp_path)
    tests = [mini.task(n, "test") for n in range(3)]
    said = {"alpha": "a long answer", "beta": "1", "gamma": "another long answer"}
    rows = [mini.proposal(task, agent, 0, said[agent]) for task in tests for agent in mini.AGENTS]
    inputs = {
        "tasks": mini.put(store, "tasks", tests),
        "agent_proposals": mini.put(store, "agent_proposals", rows[:1]),
        "benchmark_proposals": mini.put(store, "benchmark_proposals", rows),
    }
    ctx = mini.context(store, "benchmark_predictions", experiment, inputs)
    made = mini.commit(ctx, predictions.run(ctx))
    chosen = [(row["correct"], row["source_ids"]) for row in made.rows() if row["method"] == "shortest"]
    assert chosen == [(n == 1, [f"t0000{n}-beta-0"]) for n in range(3)]
    assert "shortest" in made.manifest.stats["headline"]


def test_the_reward_pays_for_brevity(experiment: Experiment) -> None:
    row = mini.task(4) | {"mode": "solo"}
    right, wrong = "<think>" + "a" * 73 + "</think><answer>4</answer>", "<answer>5</answer>"
    reward = Reward(terms_of(experiment.mlpo), needs_workers=False)
    found = [j.reward for j in reward.judge([row, row], [right, wrong], [False, False])]
    assert found == [pytest.approx(1.1 + 0.2 * (1 - len(right) / 400)), 0.0]


def test_the_order_is_by_length(experiment: Experiment) -> None:
    key = key_of(experiment.mlpo.curriculum)
    row = {**mini.task(1), "mode": "solo", "n_correct_shown": 0, "proposal_ids": [], "prompt_tokens": 17}
    assert key and key(row) == 17


def test_keys_of_what_runs_it_know_its_code(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    def codes(config: Experiment) -> dict[str, str]:
        return {a: origin(s, config, dict.fromkeys(s.inputs)).versions["code"] for a, s in STAGES.items()}

    monkeypatch.setattr("mlpo_core.chain.stages.source_fingerprint", lambda _: {})
    for stage in STAGES.values():
        monkeypatch.setitem(stage.__dict__, "external", lambda _: {})
    plain, own = codes(mini.experiment()), codes(experiment)
    assert {a for a in TO_THE_REPORT if plain[a] != own[a]} == {
        "hard_tasks", "mlpo_leader", "grpo_leader", "score_leader", "benchmark_predictions", "benchmark_report"
    }  # fmt: skip
    changed = "lab_extras.filters"
    read = source._read
    monkeypatch.setattr(
        source, "_read", lambda path, name: ("new", frozenset()) if name == changed else read(path, name)
    )
    again = codes(experiment)
    assert {a for a in TO_THE_REPORT if again[a] != own[a]} == {"hard_tasks", "benchmark_report"}


def test_every_plug_in_is_known_by_its_setting(experiment: Experiment) -> None:
    assert [named.field for named in plugged(experiment)] == [
        "mlpo.reward.2", "grpo.reward.2", "score.reward.2", "filter.keep", "mlpo.curriculum", "benchmark.methods.1"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("lab_extras.methods:Absent", "has no 'Absent'"),
        ("lab_extras.filters:disputed", "failed when called with the agents"),
        ("builtins:dict", "failed when|its name is None"),
        ("lab_absent:Mine", "there is no module lab_absent"),
        ("single:nobody", "is no method of this experiment"),
    ],
)
def test_what_is_no_method_is_refused_with_the_setting(method: str, problem: str) -> None:
    with pytest.raises(BadInput, match=rf"benchmark\.methods.*({problem})"):
        check_methods(mini.experiment(benchmark={"methods": [method]}))
