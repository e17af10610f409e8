"""What answers and stages cost in dollars, by the prices of the agents' endpoints: exactly the calls that tokens count.

Nothing is read where no agent has a price.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.experiment import Experiment, Price
from mlpo_core.methods import Method, Seed, all_methods, selected
from mlpo_core.methods.adaptive import ADAPTIVE
from mlpo_core.store import Dataset

DOLLARS = "dollars"
_COUNTED = ("agent", "prompt_tokens", "completion_tokens")
_PAID = ("agent_proposals", "benchmark_proposals", "team_rounds", "dev_rounds")


class _Calls(NamedTuple):
    """Dollars of calls to agents.

    Attributes:
        first: By task, agent and sample.
        by_id: By `proposal_id` or `generation_id`.
        later: Of all seats together, by talk, seed, task and round.
        samples: Of every agent per task.
    """

    first: dict[tuple[str, str, int], float]
    by_id: dict[str, float]
    later: dict[tuple[str, int, str, int], float]
    samples: int


def dollars(experiment: Experiment, chain: Mapping[str, Dataset]) -> Iterator[Metric]:
    """Mean dollars of one answer per method, and dollars of every stage that asks agents; nothing without a price.

    Args:
        experiment: Has the prices.
        chain: Every version that the report rests on, by asset.
    """
    prices = _prices(experiment)
    if not prices:
        return
    for asset in _PAID:
        if asset in chain:
            total = sum(_cost(row, prices) for row in _rows(chain[asset], _COUNTED))
            yield Metric("total", ALL, asset, DOLLARS, total)
    calls = _calls(chain, prices)
    methods = all_methods(experiment) | selected(experiment)
    positions = {seed: position for position, seed in enumerate(experiment.benchmark.seeds)}
    sums: dict[Way, list[float]] = {}
    columns = ("task_id", "method", "seed", "rounds", "source_ids", "generations")
    for row in _rows(chain["benchmark_predictions"], columns):
        if row["method"] == ADAPTIVE:  # whom it asked stands in no row
            continue
        seed = Seed(row["seed"], positions[row["seed"]])
        spent = _of_answer(row, seed, methods[row["method"]], calls, [a.name for a in experiment.team.agents])
        sums.setdefault(Way(row["method"], row["rounds"]), []).append(spent)
    for way, spent in sums.items():
        yield Metric("cost", ALL, way.method, DOLLARS, sum(spent) / len(spent), n=len(spent), group=way.group)


def _prices(experiment: Experiment) -> dict[str, Price]:
    engines = {agent.name: experiment.engine_of(agent) for agent in experiment.team.agents}
    return {name: engine.price for name, engine in engines.items() if engine.kind == "openai" and engine.price}


def _calls(chain: Mapping[str, Dataset], prices: Mapping[str, Price]) -> _Calls:
    first: dict[tuple[str, str, int], float] = {}
    by_id: dict[str, float] = {}
    later: dict[tuple[str, int, str, int], float] = {}
    counts: dict[tuple[str, str], int] = {}
    for row in _rows(chain["benchmark_proposals"], ("proposal_id", "task_id", "sample_index", *_COUNTED)):
        first[row["task_id"], row["agent"], row["sample_index"]] = by_id[row["proposal_id"]] = _cost(row, prices)
        counts[row["task_id"], row["agent"]] = counts.get((row["task_id"], row["agent"]), 0) + 1
    if "team_rounds" in chain:
        named = ("generation_id", "method", "seed", "task_id", "round", "role")
        for row in _rows(chain["team_rounds"], (*named, *_COUNTED)):
            if row["role"] == "agent":
                place = (row["method"], row["seed"], row["task_id"], row["round"])
                by_id[row["generation_id"]] = _cost(row, prices)
                later[place] = later.get(place, 0.0) + by_id[row["generation_id"]]
    return _Calls(first, by_id, later, min(counts.values(), default=1))


def _of_answer(row: Mapping[str, Any], seed: Seed, method: Method, calls: _Calls, agents: list[str]) -> float:
    """Dollars of everything that had to be asked of agents for one answer."""
    task = row["task_id"]
    if (dialogue := method.dialogue) is None:
        if len(row["source_ids"]) == row["generations"]:
            return sum(calls.by_id.get(id_, 0.0) for id_ in row["source_ids"])
        return sum(calls.first.get((task, agent, seed.position % calls.samples), 0.0) for agent in agents)
    if dialogue.greedy:
        return calls.later.get((dialogue.talk, seed.value, task, 0), 0.0)
    seats = enumerate(dialogue.seats)
    spent = sum(calls.first.get((task, a, dialogue.sample(seed, seat, calls.samples)), 0.0) for seat, a in seats)
    return spent + sum(calls.later.get((dialogue.talk, seed.value, task, t), 0.0) for t in range(1, row["rounds"]))


def _cost(row: Mapping[str, Any], prices: Mapping[str, Price]) -> float:
    price = prices.get(row["agent"])
    return price.dollars(row["prompt_tokens"] or 0, row["completion_tokens"] or 0) if price else 0.0


def _rows(dataset: Dataset, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for batch in dataset.batches(list(columns)):
        yield from batch.to_pylist()
