"""Five MLPO steps of `smol` with vLLM rollouts inside TRL, on a machine with CUDA; prints what they measured.

Run it as `make gpu-check`. Versions go to `./.mlpo` like any other, so a second run is quick.
"""

import sys

import torch

from mlpo_core.errors import BadInput
from mlpo_core.experiments import find
from mlpo_core.run import resolve, run
from mlpo_core.store import Dataset, Store

SETTINGS = (
    "engine.kind=vllm",
    "mlpo.rollouts=vllm",
    "mlpo.steps=5",
    "mlpo.save_steps=5",
    "mlpo.eval_prompts=0",
    "sft.steps=20",
    "grpo.enabled=false",
)
CHAIN = (
    "tasks",
    "base_models",
    "agent_proposals",
    "hard_tasks",
    "sft_dataset",
    "sft_leader",
    "mlpo_dataset",
    "mlpo_leader",
)


def main() -> int:
    """Make the chain up to the MLPO leader and print its training log, a line per step."""
    if not torch.cuda.is_available():
        print(
            "error: no CUDA device is visible to PyTorch. make gpu-check is for a machine with an NVIDIA GPU; "
            "elsewhere run: make demo",
            file=sys.stderr,
        )
        return 2
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    try:
        experiment = find("smol", SETTINGS)
        store = Store()
        for asset in CHAIN:
            outcome = run(resolve(asset, experiment, store))
            print(f"{asset}: {'reused' if outcome.reused else 'made'}")
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    assert outcome.ref is not None
    print_log(Dataset(outcome.ref))
    return 0


def print_log(log: Dataset) -> None:
    """The training log as a table: a row per step, a column per metric that every step has."""
    steps: dict[int, dict[str, float]] = {}
    for row in log.rows():
        steps.setdefault(row["step"], {})[row["metric"]] = row["value"]
    wanted = ("loss", "reward", "reward_std", "frac_reward_zero_std", "completions/mean_length", "step_time")
    metrics = [m for m in wanted if any(m in values for values in steps.values())]
    print("  ".join(["step", *metrics]))
    for step, values in sorted(steps.items()):
        cells = [f"{values[m]:.4g}".rjust(len(m)) if m in values else " " * len(m) for m in metrics]
        print("  ".join([f"{step:4}", *cells]))


if __name__ == "__main__":
    sys.exit(main())
