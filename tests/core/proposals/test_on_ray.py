"""What a Ray worker does with a shard, without a cluster; and what is said where Ray is not installed."""

import sys

import pytest

from mlpo_core.errors import BadInput, Transient
from mlpo_core.launching.ray_cluster import connect
from mlpo_core.models.locate import Located
from mlpo_core.proposals import on_ray as ray_generation
from mlpo_core.proposals import workload
from tests import mini_chain as chain

TASKS = [chain.task(n) for n in range(5)]
SMALL = {"samples_per_agent": 2, "shard_size": 4}


@pytest.fixture
def assignment(tmp_path, monkeypatch):
    """Five tasks, three agents, two answers of each: three shards an agent."""
    monkeypatch.setattr(workload, "locate", lambda _, name: Located(f"models/{name}", None))
    store = chain.store(tmp_path)
    rows = [
        {"name": n, "role": "agent", "model": f"models/{n}", "revision": "r", "path": "", "parameters": 1}
        for n in chain.AGENTS
    ]
    inputs = {"tasks": chain.put(store, "tasks", TASKS), "base_models": chain.put(store, "base_models", rows)}
    ctx = chain.context(store, "agent_proposals", chain.experiment(proposals=SMALL), inputs)
    refs = {name: dataset.ref for name, dataset in inputs.items()}
    return ray_generation.Assignment(
        ctx.experiment, refs, ctx.writer.asset, ctx.writer.key, store.root, "mini", ("train", "dev"), 2
    )


def engines(monkeypatch, *behaviours):
    """The engines that are opened in turn; a behaviour is an error to raise, or None to answer."""
    opened = []

    def write(request):
        if error := behaviours[len(opened) - 1]:
            raise error
        return "<answer>1</answer>"

    def open_engine(*_, **__):
        opened.append(chain.ScriptedEngine(write))
        return opened[-1]

    monkeypatch.setattr(workload, "open_engine", open_engine)
    return opened


def test_a_worker_makes_its_shards_with_one_engine_and_none_twice(assignment, monkeypatch):
    opened = engines(monkeypatch, None)
    worker = ray_generation._Worker(assignment)
    made = worker({"part": [0, 2]})
    assert made == {"part": [0, 2], "kind": ["", ""], "message": ["", ""]}
    assert assignment.workload().ctx.writer.done() == {0, 2}
    assert len(opened) == 1
    calls = len(opened[0].calls)
    ray_generation._Worker(assignment)({"part": [0, 2]})
    assert (len(opened), len(opened[0].calls)) == (1, calls)


def test_a_broken_engine_is_replaced_a_bounded_number_of_times(assignment, monkeypatch):
    broken = RuntimeError("CUDA error")
    opened = engines(monkeypatch, broken, None)
    assert ray_generation._Worker(assignment)({"part": [0]})["kind"] == [""]
    assert len(opened) == 2
    opened = engines(monkeypatch, *[broken] * ray_generation.ATTEMPTS)
    with pytest.raises(RuntimeError, match="CUDA error"):
        ray_generation._Worker(assignment)({"part": [1]})
    assert len(opened) == ray_generation.ATTEMPTS


@pytest.mark.parametrize("error", [BadInput("prompt 3 is too long"), Transient("the endpoint is away")])
def test_what_a_worker_refuses_keeps_its_kind(assignment, monkeypatch, error):
    engines(monkeypatch, error)
    made = ray_generation._Worker(assignment)({"part": [0]})
    with pytest.raises(type(error), match=str(error)):
        ray_generation._raise(ray_generation._Done(**{name: values[0] for name, values in made.items()}))


def test_an_assignment_holds_no_data_and_travels_small(assignment):
    import pickle

    packed = pickle.dumps(assignment)
    assert len(packed) < 20_000
    assert pickle.loads(packed).workload().models == assignment.workload().models


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")  # else what it sets for a Ray of its own would stay set
    with pytest.raises(BadInput, match=r"pip install 'mlpo\[ray\]'"):
        connect()
