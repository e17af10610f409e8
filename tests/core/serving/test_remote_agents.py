"""A leader of this machine whose two agents are models behind endpoints, started here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.errors import BadInput
from mlpo_core.models.gguf import convert, gguf_file
from mlpo_core.serving import Leader
from mlpo_core.store import Store
from tests.core.serving import house
from tests.core.serving.endpoint import Running, asking, serving

QUESTION = "sum 4-1+7+2"
METHODS = {"alone": "solo", "counted": "vote"}
"""The remote agents, and the way of asking another leader that each of them is."""


@pytest.fixture(scope="module")
def there(leader: Leader) -> Iterator[Running]:
    """The endpoint that the agents are models of."""
    with serving(leader) as running:
        yield running


@pytest.fixture
def led(there: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], Leader]:
    """Loads a checkpoint as the leader of the remote agents."""
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))

    def load(checkpoint: Path, name: str) -> Leader:
        engine = {"kind": "openai", "base_url": f"{there.url}/v1"}
        agents = [{"name": n, "model": f"{house.NAME}/{m}", "engine": engine} for n, m in METHODS.items()]
        settings: dict[str, Any] = {**house.EXPERIMENT, "name": name, "team": {"agents": agents}}
        settings["benchmark"] = {"methods": ["mlpo_leader"], "seeds": [7]}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(settings))
        store = Store(str(tmp_path / "root"))
        run(resolve("tasks", find(name), store))
        rows = [{"name": agent["name"], "role": "agent", "model": agent["model"]} for agent in agents]
        rows.append({"name": "leader", "role": "leader", "model": "leader"})
        models = [{**row, "revision": "", "path": "", "parameters": 1} for row in rows]
        house.put(store, "base_models", models, name=name)
        for asset in ("agent_proposals", "hard_tasks", "mlpo_dataset"):
            house.put(store, asset, [], name=name)
        house.put(store, "mlpo_leader", [], ("checkpoint", checkpoint), name=name)
        return Leader.load(name, store)

    return load


def check_led(found: Leader) -> None:
    """It answers in rounds, and over HTTP the same; both agents have said something every time."""
    answer = found.answer(QUESTION, rounds=2)
    assert not answer.absent, answer.absent
    first = {call.member: call.text for call in answer.calls if call.round == 0}
    assert first.keys() == {*METHODS, "leader"}
    assert all(first[name] for name in METHODS), first
    with serving(found) as server:
        told = server.post(**asking(QUESTION, f"{found.name}/mlpo@T=2")).json()
    assert told["choices"][0]["message"]["content"] == answer.parts.content
    assert {name: member["calls"] for name, member in told["usage"]["members"].items()} == dict.fromkeys(first, 2)


def test_a_leader_with_two_remote_agents(led, tmp_path: Path) -> None:
    with led(house.checkpoint(tmp_path / "leader", "qwen3", 3, 32), "near") as found:
        check_led(found)


@pytest.mark.slow
def test_smollm2_with_two_remote_agents(led, tmp_path: Path) -> None:
    try:
        convert(gguf_file(), tmp_path / "leader")
    except BadInput as error:
        pytest.skip(str(error))
    with led(tmp_path / "leader", "smol") as found:
        check_led(found)
