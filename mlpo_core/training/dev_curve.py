"""The leader's greedy accuracy on dev prompts during training, with the team and alone.

The prompts are divided among the processes that train together, and what they found is put together in all of them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch.distributed.tensor import DTensor
from transformers import GenerationConfig, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.experiment import RL
from mlpo_core.prompts import chat
from mlpo_core.training.rewards import Reward, well_formed

_BATCH = 64


class DevCurve(TrainerCallback):
    """Adds `dev/<mode>/correct` and `dev/<mode>/well_formed` to the log every `every` steps, and before the first.

    Decoding is greedy, so it draws no random numbers and leaves training as it would have been without it.
    """

    def __init__(
        self, rows: Sequence[dict[str, Any]], reward: Reward, tokenizer: Any, max_new_tokens: int, settings: RL
    ) -> None:
        self._rows = rows
        self._reward = reward
        self._tokenizer = tokenizer
        self._max_new_tokens = max_new_tokens
        self._every = settings.eval_steps
        self._budget = settings.rollout_batch_tokens

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        """The point that training starts from."""
        if state.global_step == 0:
            state.log_history.append({"step": 0, **self._measure(model)})

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        model: Any = None,
        **_: Any,
    ) -> None:
        """Called with a step's metrics, which the dev figures join."""
        if logs is not None and "loss" in logs and state.global_step % self._every == 0:
            state.log_history[-1].update(self._measure(model))

    def _measure(self, model: Any) -> dict[str, float]:
        state = PartialState()
        mine = share(len(self._rows), state.process_index, state.num_processes)
        rows = [self._rows[i] for i in mine]
        texts = greedy(model, self._tokenizer, [row["prompt"] for row in rows], self._max_new_tokens, self._budget)
        verdicts = self._reward.verdicts(rows, texts)
        own = [(i, v.correct, well_formed(text)) for i, v, text in zip(mine, verdicts, texts, strict=True)]
        found = {i: (correct, formed) for i, correct, formed in gather_object(own)}
        figures: dict[str, float] = {}
        for mode in dict.fromkeys(row["mode"] for row in self._rows):
            chosen = [found[i] for i, row in enumerate(self._rows) if row["mode"] == mode]
            figures[f"dev/{mode}/correct"] = sum(correct for correct, _ in chosen) / len(chosen)
            figures[f"dev/{mode}/well_formed"] = sum(formed for _, formed in chosen) / len(chosen)
        return figures


def share(rows: int, process: int, processes: int) -> list[int]:
    """The rows of one process, as many as every other has: the last are repeated where they do not divide.

    Sharded weights want every process to generate equally often.
    """
    return [min(i, rows - 1) for i in range(process, -(-rows // processes) * processes, processes)]


def greedy(model: Any, tokenizer: Any, prompts: Sequence[str], max_new_tokens: int, budget: int) -> list[str]:
    """The model's most likely completions of user turns, batched by length, in the order of `prompts`.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        prompts: User turns.
        max_new_tokens: Tokens that a completion may have.
        budget: Most tokens of a batch: rows × (its longest prompt + `max_new_tokens`).
    """
    encoded = [chat.encode(tokenizer, prompt) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda i: -len(encoded[i]))
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=model.generation_config.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    texts = [""] * len(prompts)
    was_training = model.training
    model.eval()
    sharded = any(isinstance(parameter, DTensor) for parameter in model.parameters())
    start = 0
    while start < len(order):
        width = len(encoded[order[start]])
        chosen = order[start : start + max(1, min(_BATCH, budget // (width + max_new_tokens)))]
        start += len(chosen)
        ids = torch.full((len(chosen), width), tokenizer.pad_token_id, device=model.device)
        mask = torch.zeros_like(ids)
        for row, index in enumerate(chosen):
            ids[row, width - len(encoded[index]) :] = torch.tensor(encoded[index], device=model.device)
            mask[row, width - len(encoded[index]) :] = 1
        with torch.no_grad():
            made = model.generate(
                input_ids=ids, attention_mask=mask, generation_config=config, synced_gpus=sharded or None
            )
        written = made[:, width:]
        for index, text in zip(chosen, tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
            texts[index] = text
    model.train(was_training)
    return texts
