"""Teams of one and of forty agents go through every function of the chain that knows a team, up to the report."""

import re

import pytest

from mlpo_core.benchmark import predictions
from mlpo_core.benchmark.report.make import make as report
from mlpo_core.checks import verify
from mlpo_core.checks.finding import Subject
from mlpo_core.mlpo import dataset as mlpo_dataset
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.models.locate import Located
from mlpo_core.proposals import filtering, sampling, workload
from mlpo_core.rounds import inference
from tests import mini_chain as mini

LEADER = {"model": "models/leader", "max_context": 8192, "max_new_tokens": 64, "system_prompt": "You lead."}
METHODS = ["single", "majority_vote", "best_of_team", "any_correct", "first_agents", "debate", "untrained_leader/team"]


class Team:
    """Makes the stages of one experiment, one after the other; agent number a is right where a divides the question."""

    def __init__(self, folder, monkeypatch, k, **sections):
        self.store = mini.store(folder)
        self.asked = []
        agents = [{"name": f"a{i:02d}", "model": f"models/a{i:02d}"} for i in range(1, k + 1)]
        own = sections.pop("agents", {})
        self.config = mini.experiment(
            **{
                "team": {"agents": [{**agent, **own.get(agent["name"], {})} for agent in agents]},
                "leader": LEADER,
                "proposals": {"samples_per_agent": 2, "benchmark_samples": 2},
                "inference": {"rounds": 2},
                "benchmark": {"methods": METHODS},
                "sft": {"enabled": False},
                "grpo": {"enabled": False},
                **sections,
            }
        )
        for module in (workload, inference):
            monkeypatch.setattr(module, "open_engine", self.open)
            monkeypatch.setattr(module, "locate", lambda _, name: Located(f"models/{name}", None))
        for module in (inference, mlpo_dataset):
            monkeypatch.setattr(module, "leader_tokenizer", lambda *_: character_tokenizer())
        members = [*((a.name, "agent") for a in self.config.team.agents), ("leader", "leader")]
        models = [
            {"name": n, "role": role, "model": f"models/{n}", "revision": "r", "path": "", "parameters": 1}
            for n, role in members
        ]
        tasks = [mini.task(n, split) for n, split in enumerate(["train"] * 8 + ["dev"] * 3 + ["test"] * 6, start=60)]
        self.made = {"tasks": mini.put(self.store, "tasks", tasks)}
        self.made["base_models"] = mini.put(self.store, "base_models", models)

    def open(self, config, model, *, revision=None, trust_remote_code=False, answers=None):
        def write(request):
            self.asked.append((str(model), request))
            n, number = int(re.search(r"Say (\d+)\.", request.prompt).group(1)), re.search(r"a(\d+)$", str(model))
            right = number is None or n % int(number.group(1)) == 0
            return f"<think>so</think><answer>{n if right else -1}</answer>"

        return mini.ScriptedEngine(write)

    def make(self, asset, function):
        ctx = mini.context(self.store, asset, self.config, self.made)
        self.made[asset] = mini.commit(ctx, function(ctx))
        failed = {
            name: finding.message
            for name, finding in verify(Subject(self.made[asset], self.made, self.config)).items()
            if not finding.passed
        }
        assert not failed
        return self.made[asset]


@pytest.mark.parametrize("k", [1, 40])
def test_a_team_of_any_size_goes_through_the_chain(tmp_path, monkeypatch, k) -> None:
    team = Team(tmp_path, monkeypatch, k)
    assert team.make("agent_proposals", sampling.run_training).manifest.rows == 11 * 2 * k
    team.config = team.config.model_copy(
        update={"filter": team.config.filter.model_copy(update={"max_correct_rate": None})}
    )
    team.make("hard_tasks", filtering.run)
    prompts = team.make("mlpo_dataset", mlpo_dataset.run)
    shown = [row for row in prompts.rows() if row["mode"] == "team"]
    assert {len(row["proposal_ids"]) for row in shown} == {k}
    assert all(f"Answer {k} of your team:" in row["prompt"] for row in shown)
    team.make("benchmark_proposals", sampling.run_benchmark)
    rounds = team.make("team_rounds", inference.run)
    assert rounds.manifest.rows == 6 * (2 * 1 + 1 * k + 1 * k)
    assert {request.system for model, request in team.asked if model.endswith("leader")} == {LEADER["system_prompt"]}
    found = {row["method"]: row for row in team.make("benchmark_predictions", predictions.run).rows()}
    assert f"single:a{k:02d}" in found and f"first_agents:{k}" in found and "debate" in found
    page = team.make("benchmark_report", report)
    assert f"single:a{k:02d}" in page.read_file("report.md").decode()


def test_agents_are_asked_as_often_and_in_the_way_that_each_of_them_says(tmp_path, monkeypatch) -> None:
    own = {"a01": {"samples": 5, "top_p": 0.5}, "a02": {"samples": 1, "system_prompt": "Be a clerk."}}
    team = Team(
        tmp_path, monkeypatch, 3, agents=own, engine={"kind": "openai", "base_url": "http://host/v1"}, leader=None
    )
    rows = list(team.make("agent_proposals", sampling.run_training).rows())
    counts = {name: sum(row["agent"] == name for row in rows) for name in ("a01", "a02", "a03")}
    assert counts == {"a01": 11 * 5, "a02": 11, "a03": 11 * 2}
    assert {row["top_p"] for row in rows if row["agent"] == "a01"} == {0.5}
    assert {request.system for model, request in team.asked if model.endswith("a02")} == {"Be a clerk."}
    assert {request.system for model, request in team.asked if model.endswith("a03")} == {""}
    test = team.make("benchmark_proposals", sampling.run_benchmark)
    assert test.manifest.rows == 6 * 2 * 3


def test_agents_with_fewer_samples_are_shown_again(tmp_path, monkeypatch) -> None:
    team = Team(
        tmp_path,
        monkeypatch,
        2,
        agents={"a01": {"samples": 3}, "a02": {"samples": 2}},
        filter={"max_correct_rate": None},
    )
    team.make("agent_proposals", sampling.run_training)
    team.make("hard_tasks", filtering.run)
    index = {row["proposal_id"]: (row["agent"], row["sample_index"]) for row in team.made["agent_proposals"].rows()}
    rows = team.make("mlpo_dataset", mlpo_dataset.run).rows()
    shown = {
        (r["variant"], *(index[i] for i in r["proposal_ids"]))
        for r in rows
        if r["mode"] == "team" and r["split"] == "train"
    }
    assert shown == {(0, ("a01", 0), ("a02", 0)), (1, ("a01", 1), ("a02", 1)), (2, ("a01", 2), ("a02", 0))}


def test_leader_prompts_of_a_large_team_are_shortened_and_rows_say_so(tmp_path, monkeypatch) -> None:
    leader = {**LEADER, "max_context": 1514, "shorten": "answers"}
    team = Team(tmp_path, monkeypatch, 40, leader=leader, filter={"max_correct_rate": None})
    team.make("agent_proposals", sampling.run_training)
    team.make("hard_tasks", filtering.run)
    prompts = team.make("mlpo_dataset", mlpo_dataset.run)
    assert {row["shortened"] for row in prompts.rows() if row["mode"] == "team"} == {"answers"}
    assert {row["shortened"] for row in prompts.rows() if row["mode"] == "solo"} == {None}
    assert prompts.manifest.stats["headline"]["prompts_shortened"] == 8 * 2 + 3
    team.make("benchmark_proposals", sampling.run_benchmark)
    rounds = team.make("team_rounds", inference.run)
    assert {row["shortened"] for row in rounds.rows() if row["role"] == "leader"} == {"answers"}
    assert rounds.manifest.stats["shortened"] == {"answers": 6 * 2}
