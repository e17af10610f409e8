"""What answers, training and the whole experiment cost, and which methods are worth their tokens."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

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
    return _sum(answers.mean_cost(name) for name in ("prompt_tokens", "completion_tokens"))


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
    """Steps, tokens of rollouts and of updates and both, seconds and device-seconds of every training, from its log;
    and as `whole_steps` and `whole_tokens` those of it and of the trainings that it went on from.

    Update tokens are those that went through forward and backward: under GRPO without what was left out for having no
    advantage, and a prompt once per group where it is shared. Fine-tuning has no rollouts.
    """
    logs = {asset: inputs[asset].table() for asset in TRAINED if asset in inputs}
    own = {asset: _spent(asset, log) for asset, log in logs.items()}
    for asset, log in logs.items():
        gone_through = [own.get(name) for name in _trainings(asset, inputs)]
        for metric, value in (
            ("steps", own[asset].steps),
            ("rollout_tokens", own[asset].rollout),
            ("update_tokens", own[asset].update),
            ("tokens", own[asset].tokens),
            ("whole_steps", _sum(spent.steps if spent else None for spent in gone_through)),
            ("whole_tokens", _sum(spent.tokens if spent else None for spent in gone_through)),
        ):
            yield Metric("training", ALL, asset, metric, value, note=NOT_LOGGED if value is None else "")
        seconds, processes = _logged(log, "seconds"), _logged(log, "processes")
        every = len(seconds) == len(processes) > 0  # a log that older code began lacks some
        for metric, time in (
            ("seconds", pc.sum(seconds).as_py()),
            ("device_seconds", pc.sum(pc.multiply(seconds, processes)).as_py() if every else None),
        ):
            yield Metric("training", ALL, asset, metric, seconds=time, note="" if time else NOT_LOGGED)


class _Spent(NamedTuple):
    steps: float
    rollout: float | None
    update: float | None

    @property
    def tokens(self) -> float | None:
        return _sum((self.rollout, self.update))


def _spent(asset: str, log: pa.Table) -> _Spent:
    steps = float(pc.max(log["step"]).as_py() or 0)
    counted = pc.max(_logged(log, "num_tokens")).as_py()  # a running total
    if asset in _FINE_TUNED:
        return _Spent(steps, 0.0, counted)
    return _Spent(steps, counted, pc.sum(_logged(log, "update_tokens")).as_py())


def _trainings(asset: str, inputs: Mapping[str, Dataset]) -> set[str]:
    """A training and those that it went on from."""
    before = inputs[asset].manifest.input_keys if asset in inputs else {}
    earlier = [name for name in TRAINED if before.get(name)]
    return {asset}.union(*(_trainings(name, inputs) for name in earlier))


def _sum(values: Iterable[float | None]) -> float | None:
    """None where one is not known."""
    found = list(values)
    return None if None in found else sum(value for value in found if value is not None)


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
