"""Keeps what the leader wrote at some steps, with what it was worth, in the files of its version.

A step's file is written when the step ends, before any checkpoint that contains it: a run that goes on from a
checkpoint finds every earlier step, and writes the later ones over.
"""

from collections.abc import Sequence
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.store import Writer
from mlpo_core.store.rollouts import encoded, name_of, step_of
from mlpo_core.training.rewards import Reward, Scored

_OF_PROMPT = ("prompt_id", "task_id", "benchmark", "mode", "question", "answer")


class KeptRollouts(TrainerCallback):
    """Writes the rollouts of the first step, of every so many steps, and of the last.

    A process holds those of its own rows for one step; what is kept is gathered and written by the first.

    Args:
        writer: Of the leader's version.
        reward: What scored them.
        every: Steps.
    """

    def __init__(self, writer: Writer, reward: Reward, every: int) -> None:
        self._writer = writer
        self._reward = reward
        self._every = every
        self._step = 0
        self._batch: list[tuple[dict[str, Any], Scored, float]] = []

    def generated(self, step: int, rows: Sequence[dict[str, Any]], advantages: Sequence[float]) -> None:
        """Take a batch that was just scored.

        Args:
            step: From 0.
            rows: One per completion, as the trainer has them.
            advantages: The same.
        """
        self._step = step + 1
        self._batch = list(zip(rows, self._reward.scored, advantages, strict=True))

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """What an interrupted run kept of steps that are done again is left out: this run may end earlier."""
        if PartialState().is_main_process:
            for name in self._writer.files():
                if (step_of(name) or 0) > state.global_step:
                    self._writer.discard(name)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Completions that several steps are trained on are kept once, as of the step that they were written for."""
        step = state.global_step
        ends = step >= state.max_steps or control.should_training_stop
        if not self._batch or not (step == 1 or step % self._every == 0 or ends):
            return
        rows: list[dict[str, Any]] = gather_object([self._row(*rollout) for rollout in self._batch])
        if PartialState().is_main_process:
            self._writer.put(name_of(self._step), encoded(rows))
        self._batch = []

    def _row(self, row: dict[str, Any], scored: Scored, advantage: float) -> dict[str, Any]:
        judged = scored.judged
        return {
            **{name: row[name] for name in _OF_PROMPT},
            "step": self._step,
            "round": row.get("round", 0),
            "prompt": row["prompt"][-1]["content"],
            "completion": scored.text.encode("utf-8", "replace").decode(),  # half characters fit no file
            "completion_tokens": scored.tokens,
            "truncated": scored.cut_off,
            "correct": judged.correct,
            "marked": judged.region.marked,
            "well_formed": judged.well_formed,
            "reward": judged.reward,
            "terms": [{"term": name, "value": value} for name, value in judged.terms],
            "advantage": advantage,
        }
