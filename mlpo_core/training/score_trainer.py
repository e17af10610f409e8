"""SCoRe on TRL's GRPO trainer: two completions of one question, each with its own advantages and KL term.

A step samples first attempts and then, from questions that show them, second ones. Each turn is a batch of its own to
TRL: rewards less the mean of the question's group, one update per completion, so the gradient is REINFORCE's with a
baseline; its loss is summed with the other turn's. docs/decisions/score.md says what is ours in this.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from transformers import TrainerState
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.utils import split_tensor_dict

from mlpo_core.experiment import STANDARD, Prompts
from mlpo_core.prompts import chat
from mlpo_core.prompts.correction import fitted_correction
from mlpo_core.tasks import task_of
from mlpo_core.training import skipping
from mlpo_core.training.leader_trainer import LeaderTrainer
from mlpo_core.training.rewards import Reward
from mlpo_core.training.score_reward import TurnReward

FIRST, SECOND = "first", "second"


class Scheme(NamedTuple):
    """How SCoRe's stages weigh the turns.

    Attributes:
        alpha: What progress is worth in Stage II.
        beta1: KL of both turns in Stage II.
        beta2: KL of the first turn in Stage I.
        is_stage_1: Whether the step after a state of the trainer belongs to Stage I.
        own: The experiment's templates.
    """

    alpha: float
    beta1: float
    beta2: float
    is_stage_1: Callable[[TrainerState], bool]
    own: Prompts = STANDARD


class Turn(NamedTuple):
    """A micro-batch of one turn, and the weight of its KL term."""

    inputs: dict[str, Any]
    beta: float


class Asked(NamedTuple):
    """What is read before the second attempt, and whether the first is shown by its end alone."""

    prompt: str
    shortened: bool


class Correcting(NamedTuple):
    """Makes the prompts of second attempts.

    Attributes:
        tokenizer: The leader's.
        system: Its system message.
        template: Further arguments of its chat template (see `mlpo_core.types.Request`).
        limit: Tokens that a prompt may take.
        own: The experiment's templates.
    """

    tokenizer: Any
    system: str
    template: str
    limit: int
    own: Prompts

    def __call__(self, row: dict[str, Any], first: str) -> Asked:
        """The prompt for a row, with the task columns of `mlpo_dataset`, whose first attempt was decoded as `first`."""
        shown = chat.restored(chat.opening(self.tokenizer, self.template), first).encode("utf-8", "replace").decode()
        prompt, how = fitted_correction(task_of(row), shown, self.own, self._count, self.limit)
        return Asked(prompt, bool(how))

    def _count(self, prompt: str) -> int:
        return len(chat.encode(self.tokenizer, prompt, self.system, self.template))


class ScoreTrainer(LeaderTrainer):
    """SCoRe for the leader. Give it a `scheme` before it trains."""

    scheme: Scheme

    def __init__(self, *arguments: Any, reward_funcs: Reward, **options: Any) -> None:
        self._reward = TurnReward(reward_funcs)
        super().__init__(*arguments, reward_funcs=self._reward, **options)
        self._pairs: list[dict[str, Turn]] = []

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """Micro-batches of both turns, side by side."""
        per_generation = cast(int, cast(GRPOConfig, self.args).steps_per_generation)
        if self._step % per_generation == 0 or not self._pairs:
            turns = self._turns(generation_batch)
            split = {
                name: split_tensor_dict(skipping.permuted(turn.inputs, self._unit), per_generation)
                for name, turn in turns.items()
            }
            self._pairs = [
                {name: Turn(split[name][i], turn.beta) for name, turn in turns.items()} for i in range(per_generation)
            ]
        return self._pairs[self._step % per_generation]

    def _turns(self, rows: list[dict[str, Any]]) -> dict[str, Turn]:
        """Sample and score both turns of a step."""
        scheme, stage_1 = self.scheme, self.scheme.is_stage_1(self.state)
        held = scheme.beta2 if stage_1 else scheme.beta1
        first = self._sampled(FIRST, (), rows, held)
        if stage_1:
            first.inputs["advantages"] = torch.zeros_like(first.inputs["advantages"])
        before = self._reward.attempts
        ask = Correcting(self.processing_class, self.system, self.template, self.prompt_limit, scheme.own)
        asked = [ask(row, attempt.text) for row, attempt in zip(rows, before, strict=True)]
        again = [
            {
                **row,
                "prompt": [{"role": "user", "content": a.prompt}],
                "before": attempt,
                "alpha": 0.0 if stage_1 else scheme.alpha,
                "shortened": a.shortened,
            }
            for row, attempt, a in zip(rows, before, asked, strict=True)
        ]
        second = self._sampled(SECOND, (1,), again, 0.0 if stage_1 else scheme.beta1)
        self._metrics["train"]["stage"].append(1.0 if stage_1 else 2.0)
        return {FIRST: first, SECOND: second}

    def _sampled(self, name: str, turn: tuple[int, ...], rows: list[dict[str, Any]], beta: float) -> Turn:
        self.beta, self.turn = beta, turn  # without a weight TRL asks the reference model nothing
        inputs = self._generate_and_score_completions(rows)
        metrics = self._metrics["train"]
        metrics[f"{name}/reward"].append(metrics["reward"][-1])
        return Turn(inputs, beta)

    def _compute_loss(self, model: Any, inputs: dict[str, Turn]) -> Tensor:
        first = self._loss_of(FIRST, model, inputs[FIRST])
        shares, self._shares = self._shares, False  # no two second attempts have the same prompt
        second = self._loss_of(SECOND, model, inputs[SECOND])
        self._shares = shares
        return first + second

    def _loss_of(self, name: str, model: Any, turn: Turn) -> Tensor:
        self.beta = turn.beta
        loss = super()._compute_loss(model, turn.inputs)
        metrics = self._metrics["train"]
        if found := metrics.pop("kl", None):
            metrics[f"{name}/kl"].extend(found)
        return loss
