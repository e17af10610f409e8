"""A team behind an endpoint asks only what is new, whatever else has changed: counted at the server."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlpo_core.models.locate import Located
from mlpo_core.proposals import sampling as proposals
from mlpo_core.proposals import workload
from mlpo_core.rounds.conversation import Turn
from mlpo_core.rounds.requests import request_of
from mlpo_core.store import Store
from mlpo_core.store.answers import Answers
from mlpo_core.types import Task
from tests import mini_chain as chain
from tests.paid_server import paid_server

TASKS = [chain.task(n) for n in range(4)]
SMALL = {"samples_per_agent": 2, "benchmark_samples": 2, "shard_size": 5, "max_new_tokens": 16}


def agent(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "model": "remote-model", **more}


def made(monkeypatch: pytest.MonkeyPatch, root: Path, url: str, key: str, *agents: dict[str, Any], **more: Any) -> Any:
    """The responses of a stage that asks an endpoint."""
    store = Store(str(root))
    engine = {"kind": "openai", "base_url": url, "concurrency": more.pop("concurrency", 4)}
    config = chain.experiment(team={"agents": [a | {"engine": engine} for a in agents]}, proposals={**SMALL, **more})
    models = [
        {"name": a["name"], "role": "agent", "model": a["model"], "revision": "", "path": "", "parameters": 0}
        for a in agents
    ]
    inputs = {
        "tasks": chain.put(store, "tasks", TASKS, key=key),
        "base_models": chain.put(store, "base_models", models, key=key),
    }
    monkeypatch.setattr(workload, "locate", lambda *_: Located("remote-model", None))
    ctx = chain.context(store, "agent_proposals", config, inputs, key)
    ctx = replace(ctx, answers=Answers(store, "lab"))
    return chain.commit(ctx, proposals.run_training(ctx)).table()


def test_a_team_asks_only_what_is_new(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, two, three = agent("one"), agent("two", prompt="Think."), agent("three", temperature=0.1)
    with paid_server() as server:

        def asked(key: str, *agents: dict[str, Any], **more: Any) -> int:
            before = len(server.asked)
            made(monkeypatch, tmp_path, server.url, key, *agents, **more)
            return len(server.asked) - before

        assert asked("a", one, two) == 16
        assert asked("b", one, two, three) == 8, "one more agent"
        assert asked("c", one, two, samples_per_agent=3) == 8, "one more sample of two agents"
        assert asked("d", agent("renamed"), two, shard_size=3, concurrency=2) == 0
        assert asked("e", two, one) == 0, "in another order"
        assert asked("f", one, agent("twin")) == 8, "two agents that ask the same are two"


def test_later_rounds_are_drawn_by_what_is_asked_and_not_by_names() -> None:
    engine = {"kind": "openai", "base_url": "http://one/v1"}
    seeds: list[int] = []
    for names in (("one", "two"), ("renamed", "two")):
        config = chain.experiment(team={"agents": [agent(name, engine=engine) for name in names]})
        task = Task(**{**TASKS[0], "choices": ()})
        for seat, name in enumerate(names):
            turn = Turn(f"id-{name}", f"self_team:{name}", 1, task, 1, "agent", name, seat, "p", "", [])
            seeds.append(
                request_of(config, turn, workload.first_sampling(config.proposals, config.team.agents[0])).seed
            )
    assert seeds[:2] == seeds[2:] and seeds[0] != seeds[1]


def test_the_seeds_of_other_engines_are_those_of_names() -> None:
    config = chain.experiment()
    assert [config.voice(agent) for agent in config.team.agents] == list(chain.AGENTS)
