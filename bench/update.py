"""Seconds and memory of one MLPO update (forward, backward, AdamW): ours against stock `GRPOTrainer`, same tensors.

    python -m bench.update [--shapes S-long,S-short,S-skip,tiny] [--threads 2]

Both trainers are made in one process from the same weights and take turns on the same batch; the fastest round of each
counts. CPU seconds are given too: they mean something on a machine that others use. Memory is the peak above what was
resident before, measured in a process of its own per side.
"""

import json
import tempfile
from typing import Any, NamedTuple

from bench.common import Row, elsewhere, in_turns, parser, peak_rss, publish


class Shape(NamedTuple):
    """A model and the micro-batches of one update."""

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
    micro_batches: int = 1
    """Among which the groups are divided."""
    memory: float | None = None
    """Target for the ratio of peak memory."""
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
_SKIP = "eight groups of 1536/256, three without advantage, a micro-batch each"
SHAPES = {
    "S-long": Shape("S, prompt 1536, completion 256", 3.0, 4.0, "llama", _S, (1536,), (256,), memory=0.6),
    "S-short": Shape("S, prompt 512, completion 512", 1.5, 1.78, "llama", _S, (512,), (512,)),
    "S-skip": Shape(f"S, {_SKIP}", 4.0, 6.4, "llama", _S, (1536,) * 8, (256,), idle=3, micro_batches=8),
    "tiny": Shape(
        *("tiny's own, 16 groups, a third without advantage", 1.2, 0.0, "qwen3", _TINY),
        prompt=tuple(range(180, 260, 5)),
        completion=(40, 55, 62, 48, 51, 70, 44, 58),
        idle=5,
    ),
    "tiny-all": Shape(
        *("tiny's own, 16 groups, all with advantage", 1.2, 0.0, "qwen3", _TINY),
        prompt=tuple(range(180, 260, 5)),
        completion=(40, 55, 62, 48, 51, 70, 44, 58),
    ),
}
LONG = {
    "L": Shape(
        "S, prompt 4096, completion 256",
        3.0,
        6.6,
        "llama",
        _S | {"max_position_embeddings": 8192},
        (4096,),
        (256,),
        memory=0.6,
    )
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

    from mlpo_core.models.laboratory.tokenizer import character_tokenizer
    from mlpo_core.training.leader_trainer import LeaderTrainer

    class Stock(GRPOTrainer):
        def _send_telemetry(self) -> None:
            pass

    class Ours(LeaderTrainer):
        row_ids = ("row",)

    config, model = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}[shape.family]
    torch.manual_seed(0)
    rows = len(shape.prompt) * shape.group // shape.micro_batches
    return {"stock": Stock, "ours": Ours}[side](
        model=model(config(**shape.model, attn_implementation="sdpa")),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=folder,
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=shape.micro_batches,
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
        train_dataset=Dataset.from_list([{"prompt": "x"}] * rows * shape.micro_batches),
        processing_class=character_tokenizer(),
    )


class Update:
    """One side: its trainer, and a call that makes one update."""

    def __init__(self, side: str, shape: Shape, folder: str) -> None:
        import torch
        from trl.trainer.utils import split_tensor_dict

        self.trainer = trainer(side, shape, folder)
        self.model = self.trainer.model.train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.trainer.current_gradient_accumulation_steps = shape.micro_batches
        self._inputs = split_tensor_dict(batch(shape), shape.micro_batches)

    def gradient(self) -> Any:
        """Forward and backward over all micro-batches; returns the gradient, flat."""
        import torch

        for inputs in self._inputs:
            self.trainer._compute_loss(self.model, inputs).backward()
        return torch.cat([p.grad.flatten() for p in self.model.parameters()])

    def __call__(self) -> None:
        """Forward, backward and AdamW."""
        self.gradient()
        self.optimizer.step()
        self.optimizer.zero_grad()


def compare(name: str, rounds: int) -> dict[str, Any]:
    """Time and gradients of both sides on one batch, in turns."""
    shape = {**SHAPES, **LONG}[name]
    with tempfile.TemporaryDirectory() as folder:
        sides = {side: Update(side, shape, folder) for side in ("stock", "ours")}
        found = {side: update.gradient() for side, update in sides.items()}  # warm-up, and ours verifies itself here
        difference = ((found["ours"] - found["stock"]).norm() / found["stock"].norm()).item()
        for update in sides.values():
            update.optimizer.zero_grad()
        best = in_turns(sides, rounds)
        assert sides["ours"].trainer._shares, "prefix sharing was refused"
    return {
        "shape": shape.what,
        "stock_s": best["stock"].wall,
        "ours_s": best["ours"].wall,
        "ratio": best["stock"].wall / best["ours"].wall,
        "cpu_ratio": best["stock"].cpu / best["ours"].cpu,
        "gradient_difference": difference,
    }


def peak(name: str, side: str) -> int:
    """Bytes that one update needs beyond the process as it stood before it, measured in this process."""
    with tempfile.TemporaryDirectory() as folder:
        update = Update(side, {**SHAPES, **LONG}[name], folder)
        before = peak_rss()
        update()  # ours compares both paths here, which counts
        update()
        return peak_rss() - before


def rows_of(name: str, rounds: int, threads: int) -> tuple[list[Row], dict[str, Any]]:
    """The verdicts on one shape."""
    shape, found = {**SHAPES, **LONG}[name], compare(name, rounds)
    bound = f", token-count bound {shape.bound}" if shape.bound else ""
    against = "stock `GRPOTrainer`"
    note = f"{found['stock_s']:.2f} s and {found['ours_s']:.2f} s; CPU time {found['cpu_ratio']:.2f}×{bound}"
    what = f"update, {shape.what}"
    rows = [
        Row(what, against, found["ratio"], shape.target, note=note),
        Row(f"{what}: gradients", against, found["gradient_difference"], 1e-5, "", at_most=True, note="relative"),
    ]
    if shape.memory:
        memory = {side: elsewhere("update", name, side, threads=threads) for side in ("stock", "ours")}
        found["memory_bytes"] = memory
        rows.append(
            Row(
                *(f"{what}: peak memory", against, memory["ours"] / memory["stock"], shape.memory),
                at_most=True,
                note=f"{memory['stock'] / 2**20:.0f} and {memory['ours'] / 2**20:.0f} MiB above the idle process",
            )
        )
    return rows, found


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--shapes")
    chosen = options.parse_args()
    import torch

    torch.set_num_threads(chosen.threads)
    if chosen.child:
        print(json.dumps(peak(*chosen.child)))
        return
    names = chosen.shapes.split(",") if chosen.shapes else [*SHAPES, *(LONG if chosen.long else {})]
    rows: list[Row] = []
    details: list[dict[str, Any]] = []
    for name in names:
        found, detail = rows_of(name, 1 if name == "S-skip" else chosen.rounds, chosen.threads)
        rows += found
        details.append(detail)
        print(json.dumps(detail), flush=True)
    shape = "S: Llama, 6 layers, hidden 256, MLP 768, 4 heads, 2 key-value heads, vocabulary 2000, sdpa, G=8"
    setting = f"{shape}; float32, {chosen.threads} threads, one micro-batch where nothing else is said"
    publish(
        "update", f"{setting}, fastest of {chosen.rounds} rounds in turns (one for the eight groups)", rows, details
    )


if __name__ == "__main__":
    main()
