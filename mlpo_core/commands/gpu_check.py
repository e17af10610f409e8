"""Five MLPO steps of `smol` with vLLM rollouts inside TRL, on a machine with CUDA.

Supervised fine-tuning is left out: what is checked is that
vLLM generates inside the trainer, takes the new weights after every step, and agrees with the trainer on probabilities.
"""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec

import pyarrow as pa

from mlpo_core.chain.experiments import read
from mlpo_core.chain.points import make_chain
from mlpo_core.errors import BadInput
from mlpo_core.progress import say
from mlpo_core.store import Dataset, Store

EXPERIMENT = "smol"
OVERRIDES = (
    "engine.kind=vllm",
    "sft.enabled=false",
    "tasks.0.train=60",
    "tasks.0.dev=10",
    "mlpo.rollouts=vllm",
    "mlpo.steps=5",
    "mlpo.save_steps=5",
    "mlpo.eval_prompts=8",
)
COLUMNS = {
    "seconds": "seconds",
    "loss": "loss",
    "correct": "correct",
    "completions/mean_length": "tokens",
    "zero_variance_share": "no signal",
    "sampling/sampling_logp_difference/mean": "|Δ log p|",
    "sampling/importance_sampling_ratio/mean": "IS ratio",
    "prefix_shared": "shared",
}
"""Metrics of the training log, and what the table calls them."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command takes nothing."""


def run(options: argparse.Namespace) -> None:
    """Make every asset up to `mlpo_leader`, each in its own process, and print the log as a table.

    Raises:
        BadInput: There is no CUDA device, or no vLLM.
    """
    _need_cuda()
    for asset, outcome in make_chain(read(EXPERIMENT, OVERRIDES), Store(), "mlpo_leader"):
        if asset == "mlpo_leader" and outcome.ref:
            say(table(Dataset(outcome.ref).table()))


def table(log: pa.Table) -> str:
    """One line per step of a training log, with the metrics of `COLUMNS`."""
    values = {(row["step"], row["metric"]): row["value"] for row in log.to_pylist()}
    steps = sorted({step for step, metric in values if metric == "loss"})
    rows: list[Sequence[str]] = [("step", *COLUMNS.values())]
    for step in steps:
        found = [values.get((step, metric)) for metric in COLUMNS]
        rows.append((str(step), *("–" if v is None else f"{v:.4g}" for v in found)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)


def _need_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise BadInput("gpu-check needs a CUDA device and a CUDA build of torch; this machine has none that torch sees")
    if find_spec("vllm") is None:
        raise BadInput("gpu-check needs vLLM: pip install 'mlpo[vllm]'")
