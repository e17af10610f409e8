"""Latency of methods from what was timed, by hand."""

import pytest

from mlpo_core.benchmark.latency import latency
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.experiment import parse
from mlpo_core.rounds.latency import Timed
from tests.core.benchmark import synthetic

SECONDS = dict(zip(synthetic.AGENTS, (0.1, 0.2, 0.3), strict=True))


def timed():
    """Three tasks, the second twice as slow as the first; the leader's team run of the third was not timed."""
    for task, slow in (("t0", 1), ("t1", 2), ("t2", 1)):
        for agent, seconds in SECONDS.items():
            yield Timed("", task, 0, agent, slow * seconds)
            yield Timed("debate", task, 1, agent, slow * 0.5)
            yield Timed(f"greedy:{agent}", task, 0, agent, slow * 0.4)
            if task != "t2":
                yield Timed("mlpo_leader/team", task, 1, agent, slow * 1.0)
        yield Timed("mixture_of_agents", task, 0, "leader", slow * 8.0)
        yield Timed("mixture_of_agents", task, 1, "leader", slow * 4.0)
        yield Timed("mlpo_leader/solo", task, 0, "leader", slow * 3.0)
        if task != "t2":
            yield Timed("mlpo_leader/team", task, 0, "leader", slow * 1.4)
            yield Timed("mlpo_leader/team", task, 1, "leader", slow * 2.0)


@pytest.mark.parametrize(
    ("way", "of_first", "tasks"),
    [
        (Way("single:beta", 0), 0.2, 3),
        (Way("greedy:beta", 0), 0.4, 3),
        (Way("mlpo_leader/solo", 0), 3.0, 3),
        (Way("mlpo_leader/team", 1), 0.6 + 1.4, 2),
        (Way("mlpo_leader/team", 2), 0.6 + 1.4 + 3.0 + 2.0, 2),
        (Way("debate", 2), 0.6 + 1.5, 3),
        (Way("mixture_of_agents", 2), 0.6 + 1.5 + 4.0, 3),  # nobody reads what its leader writes before the last layer
    ],
    ids=str,
)
def test_a_query_takes_everything_on_the_way_to_its_answer(way, of_first, tasks):
    median, p95 = latency([way], synthetic.experiment(), timed())
    assert (median.metric, p95.metric, median.n, median.group) == ("median", "p95", tasks, way.group)
    each = [of_first, 2 * of_first] if tasks == 2 else [of_first, of_first, 2 * of_first]
    assert median.seconds == pytest.approx(sum(each) / 2 if tasks == 2 else of_first)
    assert p95.seconds == pytest.approx(each[-2] + (0.95 if tasks == 2 else 0.9) * of_first)


def test_what_was_not_timed_or_cannot_be_says_so():
    ways = [Way("single:alpha", 0), Way("mlpo_leader/team", 1), Way("majority_vote@3", 0), Way("any_correct", 0)]
    off = list(latency(ways, synthetic.experiment(), []))
    assert {(m.method, m.note, m.seconds) for m in off} == {
        ("single:alpha", "not measured", None),
        ("mlpo_leader/team", "not measured", None),
    }
    raw = synthetic.experiment().model_dump(mode="json")
    raw["team"] = {"agents": [{"name": a, "model": f"recorded:{a}"} for a in synthetic.AGENTS]}
    raw["engine"] = {"recorded": "somewhere"}
    recorded = latency(ways, parse(raw, "test"), [])
    assert {(m.method, m.note) for m in recorded} == {
        ("single:alpha", "not recorded"),
        ("mlpo_leader/team", "not recorded"),
    }
