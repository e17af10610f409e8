"""What is known of a leader before it is trained: how good it is alone, and how much there is for it to learn from."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlpo_core.benchmark.statistics import wilson
from mlpo_core.store import Dataset

_SOLO, _NO_SIGNAL = "dev/solo/correct", "zero_variance_share"


class Share(NamedTuple):
    """A share, and what it is of.

    Attributes:
        value: From 0 to 1.
        of: In words.
        n: How many independent things it is a share of; 0 where that is not known, so that there is no interval.
    """

    value: float
    of: str
    n: int = 0

    def __str__(self) -> str:
        text = f"{100 * self.value:.1f} %"
        if self.n:
            low, high = wilson(round(self.value * self.n), self.n)
            text += f" ({100 * low:.1f} to {100 * high:.1f})"
        return f"{text}, {self.of}" if self.of else text


def solo_skill(inputs: Mapping[str, Dataset]) -> Share | None:
    """How often the leader alone is right before RL: on dev prompts where it was trained, else in its own drafts."""
    if "mlpo_leader" in inputs:
        log = inputs["mlpo_leader"].table()
        first = log.filter(pc.and_(pc.equal(log["metric"], _SOLO), pc.equal(log["step"], 0)))["value"].to_pylist()
        prompts = inputs["mlpo_dataset"].rows(["split", "mode"])
        n = sum(row["split"] == "dev" and row["mode"] == "solo" for row in prompts)
        if first and n:
            state = "after SFT" if "sft_leader" in inputs else "untrained"
            return Share(first[0], f"greedy, {state}, on {n:,} dev tasks", n)
    drafts = list(_drafts(inputs, "solo"))
    if not drafts:
        return None
    n = len(drafts)
    return Share(sum(drafts) / n, f"sampled, untrained, on {n:,} train tasks that the filter kept", n)


def signal(inputs: Mapping[str, Dataset]) -> Share | None:
    """The share of prompts whose completions are not all worth the same: GRPO learns from no others."""
    if "mlpo_leader" in inputs:
        log = inputs["mlpo_leader"].table()
        without = log.filter(pc.equal(log["metric"], _NO_SIGNAL))["value"].to_pylist()
        if without:
            return Share(1 - sum(without) / len(without), f"mean of {len(without):,} steps of MLPO")
    drafts = list(_drafts(inputs))
    if not drafts:
        return None
    mixed = sum(0 < share < 1 for share in drafts) / len(drafts)
    return Share(mixed, f"partly right drafts of the untrained leader to {len(drafts):,} train prompts", len(drafts))


def _drafts(inputs: Mapping[str, Dataset], mode: str | None = None) -> Iterator[float]:
    """By prompt of `sft_dataset`: the share of its drafts that is right."""
    if (traces := inputs.get("sft_dataset")) is None:
        return
    for name in sorted(traces.manifest.files):
        if name.startswith("drafts/"):
            table: pa.Table = pq.read_table(BytesIO(traces.read_file(name)), columns=["task_id", "mode", "correct"])
            chosen = table if mode is None else table.filter(pc.equal(table["mode"], mode))
            means = chosen.group_by(["task_id", "mode"]).aggregate([("correct", "mean")])
            yield from means["correct_mean"].to_pylist()
