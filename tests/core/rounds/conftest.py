"""Scripted models, and a chain up to the rounds that are run with them."""

import pytest

from mlpo_core.benchmark import predictions
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.models.locate import Located
from mlpo_core.rounds import inference
from mlpo_core.rounds.inference import run
from mlpo_core.store import Dataset
from tests import mini_chain as mini

N, T = 5, 3
LEADERS = ("base_models", "mlpo_leader", "sft_leader", "deferral_leader", "score_leader")


class World:
    """Scripted models: an engine per opened model, remembered."""

    def __init__(self):
        self.opened: list[str] = []
        self.prompts: list[tuple[str, str]] = []
        self.engines: list[mini.ScriptedEngine] = []

    def open(self, config, model, *, revision=None, trust_remote_code=False, answers=None):
        name = str(model)
        self.opened.append(name)

        def write(request):
            self.prompts.append((name, request.prompt))
            n = request.prompt.split("Say ")[1].split(".")[0]
            if "leader" in name:
                return f"<think>{name} led</think><answer>{n if 'mlpo' in name else -1}</answer>"
            return f"{name} revised {len(self.prompts)}.<answer>{n}</answer>"

        self.engines.append(mini.ScriptedEngine(write))
        return self.engines[-1]


MODEL = {"role": "agent", "revision": "r", "path": "", "parameters": 1}


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(inference, "open_engine", world.open)
    monkeypatch.setattr(inference, "locate", lambda _, name: Located(f"models/{name}", None))
    monkeypatch.setattr(inference, "leader_tokenizer", lambda *_: character_tokenizer())
    return world


def trained(store, leader, folder):
    """A leader's version; nothing in these tests loads its checkpoint."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    writer = store.writer(leader, "k")
    writer.put_folder("checkpoint", folder)
    writer.write(0, [])
    writer.commit(mini.ORIGIN, {})
    return Dataset(store.find(leader, "k"))


@pytest.fixture
def make(tmp_path, world, monkeypatch):
    store = mini.store(tmp_path)
    tasks = [mini.task(n, "test") for n in range(N)]
    proposals = [mini.proposal(t, a, j, str(j)) for a in mini.AGENTS for t in tasks for j in range(4)]
    inputs = {
        "tasks": mini.put(store, "tasks", tasks),
        "base_models": mini.put(
            store, "base_models", [MODEL | {"name": a, "model": f"models/{a}"} for a in mini.AGENTS]
        ),
        "benchmark_proposals": mini.put(store, "benchmark_proposals", proposals),
        "agent_proposals": mini.put(store, "agent_proposals", []),
        **{leader: trained(store, leader, tmp_path / "checkpoint") for leader in LEADERS[1:]},
    }

    def prepare(key="k", leader=None, inference=None, without=(), **benchmark):
        config = mini.experiment(
            leader={"model": "models/leader", "max_context": 1024, "max_new_tokens": 64, **(leader or {})},
            inference={"rounds": T, **(inference or {})},
            benchmark={"methods": ["leaders", "debate", "mixture_of_agents", "self_team:beta"], **benchmark},
        )
        given = {name: data for name, data in inputs.items() if name not in without}
        ctx = mini.context(store, "team_rounds", config, given, key)

        def predict():
            rounds = mini.commit(ctx, run(ctx))
            after = mini.context(store, "benchmark_predictions", config, {**given, "team_rounds": rounds}, key)
            return rounds, mini.commit(after, predictions.run(after))

        return ctx, predict

    return prepare
