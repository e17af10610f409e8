"""What answers, training and the whole experiment cost, and which methods are worth their tokens."""

from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.benchmark.comparisons import is_oracle
from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.outcomes import COSTS, Answers, Outcomes
from mlpo_core.store import Dataset
from mlpo_core.store.schemas import TRAINED

_FINE_TUNED = ("sft_leader", "deferral_leader")
NOT_RECORDED = "not recorded"
NOT_LOGGED = "not logged"
_T = TypeVar("_T", bound=Hashable)
_GENERATED = ("agent_proposals", "benchmark_proposals", "team_rounds", "dev_rounds")


def answer_costs(outcomes: Outcomes) -> Iterator[Metric]:
    """Mean cost of one answer per method, and whether it is on the front of accuracy against tokens."""
    tokens = {way: _tokens_of(answers) for way, answers in outcomes.answers.items()}
    front = pareto(
        {
            way: (spent, float(outcomes.answers[way].correct.mean()))
            for way, spent in tokens.items()
            if spent is not None and not is_oracle(way.method)
        }
    )
    for way, answers in outcomes.answers.items():
        blank = Metric("cost", ALL, way.method, "", n=answers.count, group=way.group)
        means = {**{cost: answers.mean_cost(cost) for cost in COSTS}, "tokens": tokens[way]}
        for metric, value in means.items():
            yield blank._replace(metric=metric, value=value, note=NOT_RECORDED if value is None else "")
        yield blank._replace(metric="on_front", value=float(way in front))
        seconds = answers.mean_cost("amortised_s")
        note = NOT_RECORDED if seconds is None else ""
        yield blank._replace(metric="amortised_s", seconds=seconds, note=note)


def _tokens_of(answers: Answers) -> float | None:
    parts = [answers.mean_cost(name) for name in ("prompt_tokens", "completion_tokens")]
    return None if None in parts else sum(p for p in parts if p is not None)


def pareto(points: Mapping[_T, tuple[float, float]]) -> set[_T]:
    """Those of (tokens, accuracy) points that no other point beats: none is at least as accurate for fewer tokens."""
    front: set[_T] = set()
    best = -1.0
    for way, (_, accuracy) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if accuracy > best:
            front.add(way)
            best = accuracy
    return front


def training_costs(inputs: Mapping[str, Dataset]) -> Iterator[Metric]:
    """Steps, tokens of rollouts and of updates and both, seconds and device-seconds of every training, from its log.

    Update tokens are those that went through forward and backward: under GRPO without what was left out for having no
    advantage, and a prompt once per group where it is shared. Fine-tuning has no rollouts.
    """
    for asset in TRAINED:
        if asset not in inputs:
            continue
        log = inputs[asset].table()
        steps = pc.max(log["step"]).as_py() or 0
        yield Metric("training", ALL, asset, "steps", float(steps))
        counted = pc.max(_logged(log, "num_tokens")).as_py()  # a running total
        if asset in _FINE_TUNED:
            rollout, update = 0.0, counted
        else:
            rollout, update = counted, pc.sum(_logged(log, "update_tokens")).as_py()
        both = None if rollout is None or update is None else rollout + update
        for metric, tokens in (("rollout_tokens", rollout), ("update_tokens", update), ("tokens", both)):
            yield Metric("training", ALL, asset, metric, tokens, note=NOT_LOGGED if tokens is None else "")
        seconds, processes = _logged(log, "seconds"), _logged(log, "processes")
        every = len(seconds) == len(processes) > 0  # a log that older code began lacks some
        for metric, spent in (
            ("seconds", pc.sum(seconds).as_py()),
            ("device_seconds", pc.sum(pc.multiply(seconds, processes)).as_py() if every else None),
        ):
            yield Metric("training", ALL, asset, metric, seconds=spent, note="" if spent else NOT_LOGGED)


def _logged(log: pa.Table, metric: str) -> pa.ChunkedArray:
    return log.filter(pc.equal(log["metric"], metric))["value"]


def totals(chain: Mapping[str, Dataset]) -> Iterator[Metric]:
    """What the versions behind a report cost together: seconds by asset, model calls and tokens generated.

    Args:
        chain: Every version that the report rests on, by asset.
    """
    for asset, dataset in chain.items():
        yield Metric("total", ALL, asset, "seconds", seconds=dataset.manifest.seconds, n=dataset.count())
    for asset in _GENERATED:
        if asset in chain:
            yield Metric("total", ALL, asset, "generations", float(chain[asset].count()))
            for name, value in _tokens(chain[asset]).items():
                yield Metric("total", ALL, asset, name, value, note=NOT_RECORDED if value is None else "")


def _tokens(dataset: Dataset) -> dict[str, float | None]:
    """Sums over all rows; None where none was recorded."""
    found: dict[str, float | None] = dict.fromkeys(("prompt_tokens", "completion_tokens"))
    for batch in dataset.batches(list(found)):
        for name, before in found.items():
            if (value := pc.sum(batch[name]).as_py()) is not None:
                found[name] = (before or 0.0) + value
    return found
