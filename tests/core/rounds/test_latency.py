"""What an answer takes when it is the only one: timed beside the rounds, and kept."""

from collections import Counter

from mlpo_core.models.locate import Located
from mlpo_core.proposals import workload
from mlpo_core.rounds import inference, latency
from tests import mini_chain as mini
from tests.core.rounds.conftest import T


def test_latency_is_measured_one_query_at_a_time_beside_the_rows(make, world, monkeypatch):
    def open_engine(*_, **__):
        world.engines.append(mini.ScriptedEngine(lambda _: "<answer>1</answer>"))
        return world.engines[-1]

    monkeypatch.setattr(inference, "open_engine", open_engine)
    monkeypatch.setattr(workload, "locate", lambda _, name: Located(f"models/{name}", None))
    monkeypatch.setattr(latency, "open_member", open_engine)
    methods = ["mlpo_leader/team", "debate", "mlpo_leader/solo_vote@3"]
    plain, _ = make("plain", methods=methods, seeds=[5, 6])
    without = mini.commit(plain, inference.run(plain))
    world.engines.clear()
    ctx, _ = make("timed", methods=methods, seeds=[5, 6], latency_tasks=2)
    timed = mini.commit(ctx, inference.run(ctx))
    assert timed.ref.digest == without.ref.digest and not list(latency.read_latency(without))
    rows = list(latency.read_latency(timed))
    assert all(row.seconds > 0 for row in rows)
    assert Counter((row.name, row.round, row.agent) for row in rows) == {
        **{("", 0, agent): 2 for agent in mini.AGENTS},
        **{("mlpo_leader/team", round_, "leader"): 2 for round_ in range(T)},
        **{(name, r, a): 2 for name in ("mlpo_leader/team", "debate") for r in range(1, T) for a in mini.AGENTS},
        ("mlpo_leader/solo_vote@3", 0, "leader"): 2,
    }
    *steps, alpha, beta, gamma = world.engines
    for engine in steps:  # all of a step at once, then one query at a time, the first of them twice
        sizes = [len(requests) for requests, _ in engine.calls[1:]]
        assert set(sizes) in ({1}, {3}) and len(sizes) % 2 == 1
    for engine in (alpha, beta, gamma):
        assert [len(requests) for requests, _ in engine.calls] == [1, 1, 1]


def test_latency_that_an_interrupted_run_measured_stays(make, monkeypatch):
    monkeypatch.setattr(latency, "members", lambda _: [])
    first, _ = make("cut", methods=["mlpo_leader/solo"], latency_tasks=2)
    inference.run(first)
    again, _ = make("cut", methods=["mlpo_leader/solo"], latency_tasks=2)
    timed = first.writer.get("latency/part-000000.json")
    assert [r.name for r in latency.read_latency(mini.commit(again, inference.run(again)))] == ["mlpo_leader/solo"] * 2
    assert again.writer.get("latency/part-000000.json") == timed
