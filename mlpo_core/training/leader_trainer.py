"""TRL's `GRPOTrainer` with what MLPO needs around it: guarded prompts, exact zero advantages, errors that name rows."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from mlpo_core import chat
from mlpo_core.errors import BadInput
from mlpo_core.training.guard import not_finite


class LeaderTrainer(GRPOTrainer):
    """GRPO for the leader.

    Attributes:
        row_ids: Prompt ids by the dataset's `row` column, for errors.
        prompt_limit: Tokens that a prompt may take; a longer one is an error, since TRL has no cap and cuts nothing.
    """

    row_ids: Sequence[str]
    prompt_limit: int

    @property
    def group_size(self) -> int:
        """Completions per prompt; groups are whole within a process."""
        return cast(int, self.num_generations)

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Encode each distinct prompt once, with control-token strings inside it neutralised."""
        encoded: dict[str, list[int]] = {}
        for prompt in prompts:
            content = prompt[-1]["content"]
            if content not in encoded:
                encoded[content] = chat.encode(self.processing_class, content)
                if len(encoded[content]) > self.prompt_limit:
                    raise BadInput(too_long(content[:80], len(encoded[content]), self.prompt_limit))
        return [encoded[prompt[-1]["content"]] for prompt in prompts], None, {}

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        groups = output["advantages"].view(-1, self.group_size)
        equal = (groups == groups[:, :1]).all(dim=1)
        groups[equal] = 0.0
        gathered: Any = self.accelerator.gather(equal.float())
        self._metrics["train"]["zero_variance_share"].append(gathered.mean().item())
        output["row"] = torch.tensor([row["row"] for row in inputs], device=groups.device)
        return output

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss = super()._compute_loss(model, inputs)
        if not torch.isfinite(loss):
            raise not_finite("loss", self.state.global_step + 1, self._broken_rows(model, inputs))
        return loss

    def _broken_rows(self, model: Any, inputs: dict[str, Any]) -> list[str]:
        """Ids of the groups whose own log-probabilities are not finite; all of them when each is on its own."""
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        with torch.no_grad():
            logps, _, _ = self._get_per_token_logps_and_entropies(model, ids, mask, inputs["completion_ids"].size(1))
        broken = ~(logps.isfinite() | (inputs["completion_mask"] == 0)).all(dim=1)
        rows = inputs["row"][broken] if broken.any() else inputs["row"]
        return [f"group {self.row_ids[row]}" for row in dict.fromkeys(rows.tolist())]

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Checkpoints here are scratch."""

    def _send_telemetry(self) -> None:
        """Training stays between the user and their machine."""


def too_long(which: str, tokens: int, limit: int) -> str:
    """What to say about a leader prompt that does not fit."""
    return (
        f"leader prompt {which}: {tokens} tokens, but only {limit} are left beside leader.max_new_tokens: raise "
        "leader.max_context if the model allows it, or set leader.information to answers or tail"
    )
