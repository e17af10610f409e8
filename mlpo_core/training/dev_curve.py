"""The leader's greedy accuracy on dev prompts during training, with the team and alone."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.prompts import chat
from mlpo_core.training.rewards import Reward, well_formed

_BATCH = 64


class DevCurve(TrainerCallback):
    """Adds `dev/<mode>/correct` and `dev/<mode>/well_formed` to the log every `every` steps, and before the first.

    Decoding is greedy, so it draws no random numbers and leaves training as it would have been without it.
    """

    def __init__(
        self, rows: Sequence[dict[str, Any]], reward: Reward, tokenizer: Any, max_new_tokens: int, every: int
    ) -> None:
        self._rows = rows
        self._reward = reward
        self._tokenizer = tokenizer
        self._max_new_tokens = max_new_tokens
        self._every = every

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
        texts = greedy(model, self._tokenizer, [row["prompt"] for row in self._rows], self._max_new_tokens)
        verdicts = self._reward.verdicts(self._rows, texts)
        figures: dict[str, float] = {}
        for mode in dict.fromkeys(row["mode"] for row in self._rows):
            chosen = [i for i, row in enumerate(self._rows) if row["mode"] == mode]
            figures[f"dev/{mode}/correct"] = sum(verdicts[i].correct for i in chosen) / len(chosen)
            figures[f"dev/{mode}/well_formed"] = sum(well_formed(texts[i]) for i in chosen) / len(chosen)
        return figures


def greedy(model: Any, tokenizer: Any, prompts: Sequence[str], max_new_tokens: int) -> list[str]:
    """The model's most likely completions of user turns, batched by length, in the order of `prompts`."""
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
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        width = len(encoded[chosen[0]])
        ids = torch.full((len(chosen), width), tokenizer.pad_token_id, device=model.device)
        mask = torch.zeros_like(ids)
        for row, index in enumerate(chosen):
            ids[row, width - len(encoded[index]) :] = torch.tensor(encoded[index], device=model.device)
            mask[row, width - len(encoded[index]) :] = 1
        with torch.no_grad():
            written = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[:, width:]
        for index, text in zip(chosen, tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
            texts[index] = text
    model.train(was_training)
    return texts
