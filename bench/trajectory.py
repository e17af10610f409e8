"""Loss of 50 training steps, ours against stock `GRPOTrainer`: same seeds, same completions, groups without advantage.

    python -m bench.trajectory

Both train through TRL's own loop. Completions are drawn by prompt, position and step, so that both see the same; an
advantage comes from what is in them.
"""

import random
import tempfile
from typing import Any

from bench.common import Row, parser, publish

_PROMPTS = ["2+2", "say something longer please", "x", "how many letters?", "1+1=", "reverse abc"]
_GROUP = 8


def reward(completions: Any, **_: Any) -> list[float]:
    """Right when the first letter is early in the alphabet: some groups agree, some do not."""
    return [float(c[0]["content"][:1] < "c") for c in completions]


def losses(side: str, steps: int) -> list[float]:
    """The loss of every step."""
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback, Qwen3Config, Qwen3ForCausalLM
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    from mlpo_core.models.laboratory.tokenizer import character_tokenizer
    from mlpo_core.training.leader_trainer import LeaderTrainer

    class Drawn:
        state: Any

        def _generate_single_turn(self, prompt_ids: Any, *_: Any, **__: Any) -> Any:
            completions = []
            for index, ids in enumerate(prompt_ids):
                rng = random.Random(f"{ids}{index % _GROUP}{self.state.global_step}")
                completions.append([rng.randrange(5, 60) for _ in range(rng.randrange(1, 30))] + [2])
            return completions, None

    class Stock(Drawn, GRPOTrainer):
        def _send_telemetry(self) -> None:
            pass

    class Ours(Drawn, LeaderTrainer):
        row_ids = _PROMPTS
        prompt_limit = 1000

    tokenizer = character_tokenizer()
    torch.manual_seed(0)
    model = {"hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 3}
    config = Qwen3Config(**model, num_key_value_heads=3, head_dim=32, vocab_size=len(tokenizer), eos_token_id=2)
    rows = [{"prompt": [{"role": "user", "content": p}], "row": i} for i, p in enumerate(_PROMPTS)]
    with tempfile.TemporaryDirectory() as folder:
        trainer = {"stock": Stock, "ours": Ours}[side](
            model=Qwen3ForCausalLM(config),
            reward_funcs=reward,
            args=GRPOConfig(
                output_dir=folder,
                max_steps=steps,
                per_device_train_batch_size=len(_PROMPTS) * _GROUP // 2,
                gradient_accumulation_steps=2,
                num_generations=_GROUP,
                max_completion_length=32,
                loss_type="dr_grpo",
                scale_rewards="none",
                beta=0.0,
                learning_rate=3e-4,
                shuffle_dataset=False,
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                seed=1,
            ),
            train_dataset=Dataset.from_list(rows * steps),
            processing_class=tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--steps", type=int)
    chosen = options.parse_args()
    import torch

    torch.set_num_threads(chosen.threads)
    steps = chosen.steps or (200 if chosen.long else 50)
    stock, ours = losses("stock", steps), losses("ours", steps)
    difference = max(abs(a - b) for a, b in zip(stock, ours, strict=True))
    largest = max(map(abs, stock))
    row = Row(
        *(f"loss trajectory over {steps} steps: largest difference", "stock `GRPOTrainer`", difference, 1e-4, ""),
        at_most=True,
        note=f"losses up to {largest:.3f}",
    )
    setting = (
        f"tiny's leader (Qwen3, hidden 96, 2 layers), 6 groups of 8 in two micro-batches, {chosen.threads} threads"
    )
    publish("trajectory", setting, [row], {"stock": stock, "ours": ours})


if __name__ == "__main__":
    main()
