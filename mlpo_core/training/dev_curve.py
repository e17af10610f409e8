"""The leader's greedy accuracy on dev prompts during training, with the team and alone, and what its reward pays for.

The prompts are divided among the processes that train together, and what they found is put together in all of them.
"""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import GenerationConfig, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.experiment import RL, STANDARD, Prompts
from mlpo_core.prompts import chat
from mlpo_core.store.schemas import AUDIT, REWARDED
from mlpo_core.training.audit import audit
from mlpo_core.training.rewards import Reward
from mlpo_core.training.sharding import whole

_BATCH = 64


class Written(NamedTuple):
    """A completion, and whether it ran into the length limit."""

    text: str
    cut_off: bool


class _Seen(NamedTuple):
    """What is measured of one dev prompt's completion."""

    correct: bool
    well_formed: bool
    rewarded: bool
    suspicious: tuple[bool, ...]
    """In the order of `AUDIT`."""


class DevCurve(TrainerCallback):
    """Adds `dev/<mode>/correct`, `dev/<mode>/well_formed` and the audit to the log every `every` steps.

    The first time before the first step. The audit's shares are of the completions that are rewarded, and not logged
    where there is none.
    Decoding is greedy, so it draws no random numbers and leaves training as it would have been without it.
    """

    def __init__(
        self,
        rows: Sequence[dict[str, Any]],
        reward: Reward,
        tokenizer: Any,
        max_new_tokens: int,
        settings: RL,
        system: str = "",
        own: Prompts = STANDARD,
        template: str = "",
        limit: int = sys.maxsize,
    ) -> None:
        self._read = (system, template)
        self._limit = limit
        self._own = own
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
            figures = self._measure(model)
            state.log_history[-1].update(figures)
            logs.update(figures)  # what trackers are told

    def _written(self, model: Any, rows: Sequence[dict[str, Any]]) -> list[Written]:
        """The answers that are judged, one per row."""
        return self._greedy(model, [row["prompt"] for row in rows])

    def _greedy(self, model: Any, prompts: Sequence[str]) -> list[Written]:
        return greedy(model, self._tokenizer, prompts, self._max_new_tokens, self._budget, *self._read)

    def _measure(self, model: Any) -> dict[str, float]:
        state = PartialState()
        mine = share(len(self._rows), state.process_index, state.num_processes)
        rows = [self._rows[i] for i in mine]
        written = self._written(model, rows)
        judged = self._reward.judge(rows, [w.text for w in written], [w.cut_off for w in written])
        own = [
            (i, _Seen(j.correct, j.well_formed, j.reward > 0, audit(row, j.region, w.cut_off, self._own)))
            for i, row, j, w in zip(mine, rows, judged, written, strict=True)
        ]
        found: dict[int, _Seen] = dict(gather_object(own))
        figures: dict[str, float] = {}
        for mode in dict.fromkeys(row["mode"] for row in self._rows):
            chosen = [found[i] for i, row in enumerate(self._rows) if row["mode"] == mode]
            figures[f"dev/{mode}/correct"] = sum(seen.correct for seen in chosen) / len(chosen)
            figures[f"dev/{mode}/well_formed"] = sum(seen.well_formed for seen in chosen) / len(chosen)
        rewarded = [found[i].suspicious for i in range(len(self._rows)) if found[i].rewarded]
        figures[REWARDED] = float(len(rewarded))
        if rewarded:
            shares = (sum(column) / len(rewarded) for column in zip(*rewarded, strict=True))
            figures.update(zip(AUDIT, shares, strict=True))
        return figures


def share(rows: int, process: int, processes: int) -> list[int]:
    """The rows of one process, as many as every other has: the last are repeated where they do not divide.

    They then come together at about the same time.
    """
    return [min(i, rows - 1) for i in range(process, -(-rows // processes) * processes, processes)]


def greedy(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    max_new_tokens: int,
    budget: int,
    system: str = "",
    template: str = "",
) -> list[Written]:
    """The model's most likely completions of user turns, batched by length, in the order of `prompts`.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        prompts: User turns.
        max_new_tokens: Tokens that a completion may have.
        budget: Most tokens of a batch: rows × (its longest prompt + `max_new_tokens`).
        system: The leader's system message.
        template: Further arguments of its chat template.
    """
    encoded = [chat.encode(tokenizer, prompt, system, template) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda i: -len(encoded[i]))
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=model.generation_config.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    completions = [Written("", False)] * len(prompts)
    ends = torch.tensor(model.generation_config.eos_token_id, device=model.device)
    was_training = model.training
    model.eval()
    start = 0
    with whole(model), torch.no_grad():
        while start < len(order):
            width = len(encoded[order[start]])
            chosen = order[start : start + max(1, min(_BATCH, budget // (width + max_new_tokens)))]
            start += len(chosen)
            ids = torch.full((len(chosen), width), tokenizer.pad_token_id, device=model.device)
            mask = torch.zeros_like(ids)
            for row, index in enumerate(chosen):
                ids[row, width - len(encoded[index]) :] = torch.tensor(encoded[index], device=model.device)
                mask[row, width - len(encoded[index]) :] = 1
            made = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
            written = made[:, width:]
            cut_off = (~torch.isin(written, ends).any(dim=1)).tolist()
            texts = tokenizer.batch_decode(written, skip_special_tokens=True)
            for index, text, cut in zip(chosen, texts, cut_off, strict=True):
                completions[index] = Written(text, cut)
    model.train(was_training)
    return completions
