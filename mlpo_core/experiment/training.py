"""`sft`, `mlpo` and `grpo`: how leaders are trained.

Learning rates, group size and batch sizes are not in the paper's public record: the defaults here are ours.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlpo_core.experiment.mix import Mix
from mlpo_core.experiment.section import IF_SET, Count, Grown, Section, Share

BUILT_IN_TERMS = ("correct", "format")
"""Terms of the reward that are no plug-in."""
AS_DRAWN = "none"
HARD_LAST = "hard_last"
_TERM = re.compile(r"[^\W\d][\w.:-]{0,199}")


class SFT(Section):
    """Backtracking traces from the base leader's own samples, and supervised fine-tuning on them."""

    enabled: bool = True
    samples: Count = 16
    temperature: float = Field(default=0.8, ge=0)
    tasks: Count | None = None
    """Use at most this many hard tasks (None: all)."""
    backtrack_share: Share = 1.0
    """Share of eligible prompts (some samples right, some wrong) that become backtrack traces; the rest are clean."""
    connector: Literal["template", "model"] = "template"
    mask_wrong: bool = True
    """No loss on the wrong attempt."""
    solo_share: Share = 0.5
    """Share of the traces whose prompt shows no team."""
    replay_share: Share = 0.0
    """Share of rows that replay the leader's own pre-training documents (miniature leaders only)."""
    steps: Count = 150
    batch_size: Count = 64
    micro_batch_size: Count | None = None
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup_share: Share = 0.05
    save_steps: Count = 50
    lora_rank: int = Field(default=0, ge=0)
    gradient_checkpointing: bool | None = None
    """Run every layer a second time in the backward pass instead of keeping its activations. None: on CUDA."""


class RL(Grown):
    """GRPO as the paper describes it: Dr. GRPO corrections, no value network, KL off."""

    steps: Count = 200
    prompts_per_step: Count = 16
    group_size: Annotated[int, Field(ge=2)] = 8
    micro_batch_size: Count | None = None
    """Rows per forward and backward; None is the whole batch."""
    learning_rate: float = Field(default=1e-6, gt=0)
    warmup_share: Share = 0.0
    temperature: float = Field(default=1.0, gt=0)
    reward: tuple[str | dict[str, float], ...] = ("correct", "format")
    """The terms of the reward, each a name or `{name: weight}`: `correct`, `format` (which counts beside a right answer
    only), and your own, `package.module:function` or an entry point of `mlpo.rewards`, added as they are. A weight that
    is not given is 1, that of `format` is `format_weight`."""
    format_weight: float = Field(default=0.1, ge=0)
    """Weight of the format term of the reward where `reward` gives none."""
    truncated: Literal["keep", "mask", "penalise"] = "keep"
    """Completions cut off at `leader.max_new_tokens`: `keep` rewards them like others, `penalise` not at all, and with
    `mask` they stay out of the loss, while their rewards still count in the mean of their group."""
    solo_share: Share = 0.0
    """Share of prompts without a team."""
    beta: float = Field(default=0.0, ge=0)
    num_iterations: Count = 1
    rollouts: Literal["transformers", "vllm"] = "transformers"
    rollout_batch_tokens: Count = 65536
    """Rows × (prompt + new tokens) that the leader decodes at once with transformers, for rollouts and dev figures."""
    keep_rollouts: Annotated[int, Field(ge=0), IF_SET] = 10
    """Keep what the leader wrote at every so many steps, with rewards and advantages, in its version's `rollouts/`; at
    the first and the last step too. 0 keeps none."""
    save_steps: Count = 50
    eval_steps: Count = 50
    eval_prompts: int = Field(default=64, ge=0)
    lora_rank: int = Field(default=0, ge=0)
    gradient_checkpointing: bool | None = None
    """Run every layer a second time in the backward pass instead of keeping its activations. None: on CUDA."""

    @property
    def term_names(self) -> tuple[str, ...]:
        """The terms of `reward` without their weights."""
        return tuple(name for term in self.reward for name in ((term,) if isinstance(term, str) else term))

    @model_validator(mode="after")
    def _terms_are_named_once(self) -> Self:
        names = self.term_names
        if not names or len(names) != len(self.reward):
            raise ValueError("reward: every term is a name, or a mapping of one name to its weight: {format: 0.1}")
        if strange := [name for name in names if not _TERM.fullmatch(name)]:
            raise ValueError(f"reward: {strange[0]!r:.100} is no term: correct, format or package.module:function")
        if len(set(names)) != len(names):
            raise ValueError("reward: a term stands twice")
        return self


class MLPO(RL):
    """Training of the leader with its team."""

    variants: Count | None = None
    """Proposal sets per task; None is as many as an agent has samples."""
    mix: Mix | None = None
    """Of the training prompts with a team, only so many of each class as give these shares, drawn by the seed:
    `{majority_right: 0.5, majority_wrong: 0.3, none_right: 0.2}`. None takes all. The baseline without a team is
    trained on all tasks that the filter keeps."""
    curriculum: str = Field(default="none", min_length=1, max_length=200)
    """In which order the prompts of every pass over them are trained on. `none`: as the seed draws them. `hard_last`:
    team prompts with more right answers before those with fewer, prompts without a team spread as they were. Your own:
    `package.module:function`, or an entry point of `mlpo.orders`, which gives a prompt a number: low ones are first."""
    rounds: Count = 1
    """Above 1, beyond the paper: a team prompt shows the answers of a round drawn from so many. Those of later rounds
    are the agents' revisions of what the current leader wrote, generated during training."""
    refresh_steps: Count = 50
    """With `rounds` above 1: the agents revise again, given what the leader now writes, every so many steps."""


class GRPOBaseline(RL):
    """GRPO without a team on the same SFT leader and the same filtered tasks.

    A value that the experiment does not give is that of `mlpo`: the comparison is fair unless it says otherwise.
    """

    enabled: bool = True
    match: Literal["steps", "tokens"] = "steps"
    """Stop after MLPO's optimizer steps, or after as many tokens as MLPO put through the leader."""
    solo_share: Share = 1.0
