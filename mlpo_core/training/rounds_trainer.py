"""The leader's GRPO trainer with what the team says during training (`mlpo.rounds`, `mlpo.online`)."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, cast

from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput
from mlpo_core.prompts import chat
from mlpo_core.training.later_rounds import LaterRounds
from mlpo_core.training.leader_trainer import LeaderTrainer
from mlpo_core.training.rollouts import sample
from mlpo_core.training.sharding import whole

_BATCH = 64
_LEADING = -1
"""Tells the random streams of leading from those of the completions that are trained on."""


class RoundsTrainer(LeaderTrainer):
    """Shows team prompts in the round that `later` says.

    Attributes:
        later: The conversations.
        leading: How the leader is sampled where the team then revises, as in the T-round loop.
    """

    later: LaterRounds
    leading: Sampling

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if self.is_deepspeed_enabled and self.later.leads:
            raise BadInput(
                "mlpo.rounds: the current leader can only lead with whole weights: set it to 1 with DeepSpeed"
            )
        step = self.state.global_step
        leads = self.later.leads and self.later.starts(step)
        with whole(self.accelerator.unwrap_model(self.model_wrapped)) if leads else nullcontext():
            found = [self.later.shown(step, row["row"], self._lead) for row in inputs]
        team = [shown for shown in found if shown]
        if team:
            self._metrics["train"]["round"].append(sum(shown.round for shown in team) / len(team))
        revised = [shown.n_correct for shown in team if shown.round]
        if revised:
            self._metrics["train"]["revisions_correct"].append(sum(revised) / len(revised))
        anew = [shown.n_correct for shown in team if not shown.round and shown.n_correct >= 0]
        if anew:
            self._metrics["train"]["proposals_correct"].append(sum(anew) / len(anew))
        return super()._generate_and_score_completions(
            [
                {**row, "prompt": [{"role": "user", "content": shown.prompt}], "round": shown.round}
                if shown
                else {**row, "round": 0}
                for row, shown in zip(inputs, found, strict=True)
            ]
        )

    def _lead(self, prompts: Sequence[str], step: int) -> list[str]:
        policy = self.accelerator.unwrap_model(self.model_wrapped)
        encoded = [chat.encode(self.processing_class, prompt, self.system, self.template) for prompt in prompts]
        written: list[list[int]] = []
        for start in range(0, len(encoded), _BATCH):
            seed = (self.args.seed, step, start, _LEADING)
            ends = cast(list[int], self.eos_token_ids)
            written += sample(policy, encoded[start : start + _BATCH], self.leading, ends, seed, self.rollout_tokens)
        texts: list[str] = cast(Any, self.processing_class).batch_decode(written, skip_special_tokens=True)
        opening = chat.opening(self.processing_class, self.template)
        return [chat.restored(opening, text).encode("utf-8", "replace").decode() for text in texts]
