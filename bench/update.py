"""Seconds and memory of one MLPO update (forward, backward, AdamW): ours against stock `GRPOTrainer`, same tensors.

    python bench/update.py [--rounds 3] [--shapes S-long,S-short,S-skip,tiny] [--threads 2]

Both trainers are made in one process from the same weights and take turns on the same batch; the fastest round of each
counts. CPU seconds are given too: they mean something on a machine that others use. Memory is the peak above what was
resident before, measured in a process of its own per side.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))


class Shape(NamedTuple):
    """A model and one micro-batch."""

    what: str
    target: float
    bound: float
    """What the token counts alone allow."""
    family: str
    model: dict[str, int]
    prompt: tuple[int, ...]
    """Tokens of each group's prompt."""
    completion: tuple[int, ...]
    """Tokens of completions, in turns."""
    idle: int = 0
    """Groups without advantage."""
    group: int = 8


_S = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 2000,
    "max_position_embeddings": 4096,
}
_TINY = {
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 3,
    "head_dim": 32,
    "vocab_size": 110,
    "max_position_embeddings": 1024,
}
SHAPES = {
    "S-long": Shape("S, prompt 1536, completion 256", 3.0, 4.0, "llama", _S, (1536,), (256,)),
    "S-short": Shape("S, prompt 512, completion 512", 1.5, 1.78, "llama", _S, (512,), (512,)),
    "S-skip": Shape("S, 1536/256, three groups, one idle", 4.0, 6.0, "llama", _S, (1536,) * 3, (256,), idle=1),
    "tiny": Shape(
        *("tiny, 16 groups, a third idle", 1.2, 0.0, "qwen3", _TINY),
        prompt=tuple(range(180, 260, 5)),
        completion=(40, 55, 62, 48, 51, 70, 44, 58),
        idle=5,
    ),
}


def batch(shape: Shape) -> dict[str, Any]:
    """The tensors of a micro-batch as TRL makes them: prompts padded on the left, completions on the right."""
    import torch

    generator = torch.Generator().manual_seed(0)
    width, longest, rows = max(shape.prompt), max(shape.completion), len(shape.prompt) * shape.group
    made = {
        "prompt_ids": torch.zeros((rows, width), dtype=torch.long),
        "completion_ids": torch.randint(3, shape.model["vocab_size"], (rows, longest), generator=generator),
    }
    made["prompt_mask"] = torch.zeros_like(made["prompt_ids"])
    for number, length in enumerate(shape.prompt):
        group = slice(number * shape.group, (number + 1) * shape.group)
        made["prompt_ids"][group, width - length :] = torch.randint(
            3, shape.model["vocab_size"], (length,), generator=generator
        )
        made["prompt_mask"][group, width - length :] = 1
    lengths = torch.tensor([shape.completion[row % len(shape.completion)] for row in range(rows)])
    made["completion_mask"] = (torch.arange(longest) < lengths[:, None]).long()
    advantages = torch.tensor([-0.5, 0.5]).repeat(rows // 2)
    advantages[: shape.idle * shape.group] = 0.0
    return made | {
        "advantages": advantages,
        "num_items_in_batch": lengths.sum(),
        "row": torch.zeros(rows, dtype=torch.long),
    }


def trainer(side: str, shape: Shape, folder: str) -> Any:
    """A trainer around a random model of the shape."""
    import torch
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    from mlpo_core.laboratory.tokenizer import character_tokenizer
    from mlpo_core.training.leader_trainer import LeaderTrainer

    class Stock(GRPOTrainer):
        def _send_telemetry(self) -> None:
            pass

    class Ours(LeaderTrainer):
        row_ids = ("row",)

    config, model = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}[shape.family]
    torch.manual_seed(0)
    rows = len(shape.prompt) * shape.group
    return {"stock": Stock, "ours": Ours}[side](
        model=model(config(**shape.model, attn_implementation="sdpa")),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=folder,
            per_device_train_batch_size=rows,
            num_generations=shape.group,
            max_completion_length=max(shape.completion),
            loss_type="dr_grpo",
            scale_rewards="none",
            beta=0.0,
            learning_rate=1e-4,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list([{"prompt": "x"}] * rows),
        processing_class=character_tokenizer(),
    )


class Update:
    """One side: its trainer, and a call that makes one update."""

    def __init__(self, side: str, shape: Shape, folder: str) -> None:
        import torch

        self.trainer = trainer(side, shape, folder)
        self.model = self.trainer.model.train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.trainer.current_gradient_accumulation_steps = 1

    def __call__(self, inputs: dict[str, Any], step: bool = True) -> tuple[float, float]:
        """Forward, backward and, unless only gradients are wanted, AdamW. Returns wall and CPU seconds."""
        began = time.perf_counter(), time.process_time()
        self.trainer._compute_loss(self.model, inputs).backward()
        if step:
            self.optimizer.step()
            self.optimizer.zero_grad()
        return time.perf_counter() - began[0], time.process_time() - began[1]


def compare(name: str, rounds: int) -> dict[str, Any]:
    """Time and gradients of both sides on one batch, in turns."""
    import torch

    shape = SHAPES[name]
    inputs = batch(shape)
    with tempfile.TemporaryDirectory() as folder:
        sides = {side: Update(side, shape, folder) for side in ("stock", "ours")}
        for update in sides.values():
            update(inputs, step=False)  # warm-up, and ours verifies itself here
        gradients = {s: torch.cat([p.grad.flatten() for p in u.model.parameters()]) for s, u in sides.items()}
        difference = ((gradients["ours"] - gradients["stock"]).norm() / gradients["stock"].norm()).item()
        for update in sides.values():
            update.optimizer.zero_grad()
        seconds: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
        for _ in range(rounds):
            for side, update in sides.items():
                seconds[side].append(update(inputs))
        assert sides["ours"].trainer._shares, "prefix sharing was refused"
    best = {side: min(wall for wall, _ in values) for side, values in seconds.items()}
    cpu = {side: min(used for _, used in values) for side, values in seconds.items()}
    return {
        "shape": shape.what,
        "stock_s": best["stock"],
        "ours_s": best["ours"],
        "ratio": best["stock"] / best["ours"],
        "cpu_ratio": cpu["stock"] / cpu["ours"],
        "target": shape.target,
        "bound": shape.bound,
        "gradient_difference": difference,
    }


def peak(name: str, side: str) -> float:
    """Bytes that one update needs beyond the process as it stood before it, measured in this process."""
    shape = SHAPES[name]
    inputs = batch(shape)
    with tempfile.TemporaryDirectory() as folder:
        update = Update(side, shape, folder)
        if side == "ours":
            update.trainer._shares = True  # the comparison with the plain path is made once, not in every update
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        update(inputs)
        update(inputs)
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


def _peak_elsewhere(name: str, side: str, threads: int) -> float:
    command = [sys.executable, __file__, "--threads", str(threads), "--peak", name, side]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / "results" / "update.json")
    parser.add_argument("--peak", nargs=2, metavar=("SHAPE", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    if options.peak:
        print(peak(*options.peak))
        return
    results = []
    print(
        f"float32, {options.threads} threads, fastest of {options.rounds} rounds in turns (CPU: ratio of CPU seconds)"
    )
    heads = ("stock", "ours", "ratio", "CPU", "target", "bound", "memory", "Δ grad")
    print(f"{'shape':36}" + "".join(f"{head:>9}" for head in heads) + "  verdict")
    for name in options.shapes.split(","):
        found = compare(name, options.rounds)
        memory = {side: _peak_elsewhere(name, side, options.threads) for side in ("stock", "ours")}
        found |= {"memory_ratio": memory["ours"] / memory["stock"], "memory_bytes": memory, "threads": options.threads}
        found["met"] = found["ratio"] >= found["target"] and found["gradient_difference"] <= 1e-5
        results.append(found)
        times = f"{found['stock_s']:8.2f}s{found['ours_s']:8.2f}s"
        ratios = "".join(f"{found[key]:8.2f}×" for key in ("ratio", "cpu_ratio", "target", "bound", "memory_ratio"))
        verdict = "met" if found["met"] else "MISSED"
        print(f"{found['shape']:36}{times}{ratios}{found['gradient_difference']:9.1e}  {verdict}", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
