"""`sft`, `mlpo`, `grpo` and `score`: how leaders are trained.

Learning rates, group size and batch sizes are not in the paper's public record: the defaults here are ours.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from mlpo_core.experiment import trl
from mlpo_core.experiment.mix import Mix
from mlpo_core.experiment.section import IF_SET, Count, Grown, Section, Share

BUILT_IN_TERMS = ("correct", "format")
"""Terms of the reward that are no plug-in."""
AS_DRAWN = "none"
HARD_LAST = "hard_last"
_TERM = re.compile(r"[^\W\d][\w.:-]{0,199}")


class LoRA(Section):
    """An adapter that is trained in place of the weights, and merged into them when the training is done."""

    rank: int = Field(default=0, ge=0)
    """0 trains all weights."""
    alpha: Count | None = None
    """What the adapter adds is scaled by alpha / rank. None: twice the rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of the adapter's input while it is trained; dropout of the model itself is off. In reinforcement learning the
    update then runs every copy of a prompt: copies that share one would also share what is dropped."""
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Layers that get an adapter: all linear ones but the output head, or those whose names end so:
    `[q_proj, v_proj]`."""

    @model_validator(mode="after")
    def _is_of_use(self) -> Self:
        fields = type(self).model_fields
        if not self.rank and (given := [n for n in fields if getattr(self, n) != fields[n].default]):
            raise ValueError(f"{given[0]}: there is no adapter without a rank: {{rank: 16}}")
        if not self.targets or "" in tuple(self.targets):
            raise ValueError("targets: name at least one layer, or all-linear")
        return self


class Training(Grown):
    """What every training of the leader has."""

    lora: LoRA = LoRA()
    trl: Annotated[dict[str, Any], IF_SET] = Field(default={})
    """Further fields of TRL's configuration, by its names: `{lr_scheduler_type: cosine, weight_decay: 0.1}`. Which
    there are, and which are settings of this project instead: Fields of TRL."""

    @classmethod
    def in_key(cls, data: dict[str, Any]) -> dict[str, Any]:
        """As in every section; and an adapter stands there as its rank, as before it had other settings."""
        kept = super().in_key(data)
        if adapter := kept.pop("lora", None):
            unset = {**LoRA().model_dump(), "rank": adapter["rank"]} == adapter
            kept |= {"lora_rank": adapter["rank"]} if unset else {"lora": adapter}
        return kept


class SFT(Training):
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
    gradient_checkpointing: bool | None = None
    """Run every layer a second time in the backward pass instead of keeping its activations. None: on CUDA."""

    @field_validator("trl")
    @classmethod
    def _fields_of_trl(cls, value: dict[str, Any]) -> dict[str, Any]:
        return trl.checked("SFTConfig", value)


class RL(Training):
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
    keep_best: Annotated[bool, IF_SET] = False
    """The leader is that of the step which did best on dev prompts, with the team where there is one, and not that of
    the last: of the steps at which they are measured (`eval_steps`), of equal ones the earliest."""
    gradient_checkpointing: bool | None = None
    """Run every layer a second time in the backward pass instead of keeping its activations. None: on CUDA."""

    @field_validator("trl")
    @classmethod
    def _fields_of_trl(cls, value: dict[str, Any]) -> dict[str, Any]:
        return trl.checked("GRPOConfig", value)

    @model_validator(mode="after")
    def _best_is_measured(self) -> Self:
        if self.keep_best and (not self.eval_prompts or self.eval_steps > self.steps):
            raise ValueError("keep_best: no step is measured: eval_prompts is 0, or eval_steps above steps")
        return self

    @model_validator(mode="after")
    def _fields_of_trl_do_something(self) -> Self:
        if problem := trl.idle(self.trl, self.beta, self.rollouts):
            raise ValueError(f"trl.{problem}")
        return self

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
    """With `rounds` above 1: the agents revise again, given what the leader now writes, every so many steps. With
    `online`: so many steps' prompts are answered at once."""
    online: Annotated[bool, IF_SET] = False
    """Beyond the paper: the agents answer every team prompt anew each time that a step reads it, instead of once before
    training. What was proposed before decides then which tasks are trained on, and nothing that is shown."""

    @property
    def asks_team(self) -> bool:
        """Whether the agents generate during training."""
        return self.online or self.rounds > 1


class GRPOBaseline(RL):
    """GRPO without a team on the same SFT leader and the same filtered tasks.

    A value that the experiment does not give is that of `mlpo`: the comparison is fair unless it says otherwise.
    """

    enabled: bool = True
    match: Literal["steps", "tokens"] = "steps"
    """Stop after MLPO's optimizer steps, or after as many tokens as MLPO put through the leader."""
    solo_share: Share = 1.0


class SCoRe(RL):
    """The baseline that corrects itself: SCoRe (arXiv 2409.12917), two attempts of the leader alone, rewarded by turn.

    Trained where `benchmark.methods` names `score_leader`. A value that the experiment does not give is that of `mlpo`,
    and training ends where MLPO's did. α and both β are those of its public reproductions, group size and the division
    into stages are ours.
    """

    match: Literal["steps", "tokens"] = "steps"
    """Stop after MLPO's optimizer steps, or after as many tokens as MLPO put through the leader. A row of a step is two
    attempts here, so equal steps are about twice the completions."""
    start: Literal["sft", "base"] = "sft"
    """Train the SFT leader (as MLPO; the base leader where there is none), or the base leader. It is the reference of
    the KL terms too."""
    stage1_share: Share = 0.5
    """Share of the steps, or tokens, that is Stage I: the second attempt is rewarded, and the first held where it was.
    The rest is Stage II, in which both are rewarded."""
    alpha: float = Field(default=10.0, ge=0)
    """In Stage II the second attempt earns r2 + alpha · (r2 - r1): progress is paid, spoiling a right answer costs."""
    beta1: float = Field(default=0.01, ge=0)
    """KL to the reference, of both attempts, in Stage II."""
    beta2: float = Field(default=0.1, ge=0)
    """KL to the reference, of the first attempt only, in Stage I."""
    solo_share: Share = 1.0

    @model_validator(mode="after")
    def _is_reinforce(self) -> Self:
        if self.num_iterations > 1:
            raise ValueError("num_iterations: every completion is used once here: leave it at 1")
        if self.beta:
            raise ValueError("beta: SCoRe weighs its KL terms by stage: set beta1 and beta2")
        return self
