"""What an experiment will cost, and which GPUs it needs, without loading a model."""

import argparse
from pathlib import Path

from mlpo_core.chain.experiments import read
from mlpo_core.chain.memory import GPU_MEMORY, gigabytes
from mlpo_core.chain.plan import plan
from mlpo_core.chain.plan_table import table
from mlpo_core.chain.throughput import read_assumptions
from mlpo_core.progress import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="FILE", help="a YAML file, or a name in experiments/")
    parser.add_argument("--gpus", type=int, default=1, help="divide the work over this many GPUs")
    parser.add_argument("--gpu-memory", default="", metavar="80GB", help="of one GPU (default: 80GB)")
    parser.add_argument("--assume", type=Path, metavar="FILE", help="YAML that overrides throughputs and shares")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")


def run(options: argparse.Namespace) -> None:
    """Print the estimate."""
    experiment = read(options.experiment, tuple(options.set))
    given = options.gpu_memory
    memory = gigabytes("--gpu-memory", given) if given else GPU_MEMORY
    say(table(plan(experiment, options.gpus, read_assumptions(options.assume), memory)))
