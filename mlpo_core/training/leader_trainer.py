"""TRL's `GRPOTrainer` for the leader: the same gradients with a group's prompt run once and idle groups left out.

Also guarded prompts, exact zeros where rewards are equal, and errors that name rows. What a field of `trl` asks for and
these short cuts do not know takes TRL's plain path, and the log says so.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from peft import PeftModel
from torch import Tensor
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.utils import split_tensor_dict

from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput
from mlpo_core.progress import log
from mlpo_core.prompts import chat
from mlpo_core.training import dealing, prefix_shared, self_check, skipping
from mlpo_core.training.adapters import protect_base
from mlpo_core.training.guard import not_finite
from mlpo_core.training.rollouts import sample
from mlpo_core.training.sharding import Sharded, whole, without_cache
from mlpo_core.training.token_means import TokenMeans
from mlpo_core.training.trl_grpo import GRPOTrainer

_MEANS_OVER_ROWS = frozenset({"dr_grpo", "grpo", "sapo", "luspo"})
"""Losses that divide by the rows of a micro-batch; idle rows can be left out and the loss scaled back."""
_SUMS = frozenset({"dapo", "cispo", "vespo"})
"""Losses that divide by the tokens of the whole batch; idle rows can be left out as they are."""
_OF_TRLS_OWN_SAMPLING = (
    "top_k",
    "min_p",
    "repetition_penalty",
    "generation_kwargs",
    "cache_implementation",
    "use_transformers_continuous_batching",
)
"""Fields under which completions are drawn by TRL's own code."""


class LeaderTrainer(Sharded, GRPOTrainer):
    """GRPO for the leader.

    Attributes:
        row_ids: Prompt ids by the dataset's `row` column, for errors.
        prompt_limit: Tokens that a prompt may take; a longer one is an error, since TRL has no cap and cuts nothing.
        system: The leader's system message.
        template: Further arguments of its chat template (see `mlpo_core.types.Request`).
        rollout_tokens: Most tokens of completions that are decoded together.
        turn: Tells the completions of one step apart that the same row gets, for their random numbers.
        generated: Told of every batch of rollouts: the 0-based step, its rows, and their advantages.
    """

    row_ids: Sequence[str]
    prompt_limit: int
    system: str = ""
    template: str = ""
    rollout_tokens: int = sys.maxsize
    turn: tuple[int, ...] = ()
    generated: Callable[[int, Sequence[dict[str, Any]], Sequence[float]], None] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if isinstance(self.model, PeftModel):
            protect_base(self.model)
        unbroken = self.args.per_device_train_batch_size % self.group_size == 0
        self._unit = self.group_size if unbroken else 1
        self._may_skip = (
            self.loss_type in _MEANS_OVER_ROWS | _SUMS
            and self.beta == 0.0
            and not self._entropy_bonus_enabled
            and not self.aux_loss_enabled
            and self.top_entropy_quantile >= 1.0
        )
        self._shares: bool | None = None
        self._foreign: list[str] | None = None
        self._token_means = TokenMeans(self._metrics["train"])
        policy = self._policy()
        if self.is_fsdp_enabled:
            without_cache(policy)
        if reason := self._unshared(policy, unbroken):
            self._refuse(reason)
        else:
            prefix_shared.enable(policy)
            if self.ref_model is not None:
                prefix_shared.enable(self.ref_model)

    @property
    def group_size(self) -> int:
        """Completions per prompt; groups are whole within a process."""
        return cast(int, self.num_generations)

    def _unshared(self, policy: Any, unbroken: bool) -> str | None:
        """Why no prompts are shared, or None."""
        if not unbroken:
            return "micro-batches do not hold whole groups"
        if self.args.use_liger_kernel:
            return "trl.use_liger_kernel has a loss of its own; no group is left out either"
        if any(isinstance(module, torch.nn.Dropout) and module.p for module in cast(Any, self.model).modules()):
            return "dropout draws for every copy"
        return prefix_shared.refusal(policy)

    def _trl_samples(self) -> bool:
        """Whether TRL's own code draws completions; says so once where `trl` asks for what ours does not know."""
        if self.use_vllm or self.is_deepspeed_enabled:
            return True
        if self._foreign is None:
            fields = type(self.args).__dataclass_fields__
            self._foreign = [n for n in _OF_TRLS_OWN_SAMPLING if getattr(self.args, n) != fields[n].default]
            if self._foreign:
                log(f"completions are drawn by TRL, every copy of a prompt for itself (slower): trl.{self._foreign[0]}")
        return bool(self._foreign)

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Encode each distinct prompt once, with control-token strings inside it neutralised."""
        encoded: dict[str, list[int]] = {}
        for prompt in prompts:
            content = prompt[-1]["content"]
            if content not in encoded:
                encoded[content] = chat.encode(self.processing_class, content, self.system, self.template)
                if len(encoded[content]) > self.prompt_limit:
                    raise BadInput(too_long(content[:80], len(encoded[content]), self.prompt_limit))
        return [encoded[prompt[-1]["content"]] for prompt in prompts], None, {}

    def _generate_single_turn(self, prompt_ids: list[list[int]], *arguments: Any, **options: Any) -> Any:
        """TRL's with vLLM or fields of its own; else completions that share their prompt's prefill."""
        if self._trl_samples():
            return super()._generate_single_turn(prompt_ids, *arguments, **options)
        seed = (self.args.seed, self.state.global_step, self.accelerator.process_index, *self.turn)
        sampling = Sampling(self.temperature, self.top_p, cast(int, self.max_completion_length))
        policy = self.accelerator.unwrap_model(self.model_wrapped)
        ends = cast(list[int], self.eos_token_ids)
        with whole(policy):
            return sample(policy, prompt_ids, sampling, ends, seed, self.rollout_tokens), None

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        groups = output["advantages"].view(-1, self.group_size)
        equal = (groups == groups[:, :1]).all(dim=1)
        if self.multi_objective_aggregation == "sum_then_normalize":
            groups[equal] = 0.0  # what is left of equal rewards minus their mean is rounding
        gathered: Any = self.accelerator.gather(equal.float())
        self._metrics["train"]["zero_variance_share"].append(gathered.mean().item())
        output["row"] = torch.tensor([row["row"] for row in inputs], device=groups.device)
        if self.generated:
            self.generated(self.state.global_step, inputs, output["advantages"].tolist())
        return output

    def _prepare_inputs(self, generation_batch: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """TRL's, except that a group stays whole when the generation batch is shuffled into micro-batches."""
        model, arguments = cast(Any, self.model), cast(GRPOConfig, self.args)
        if not model.training:
            return super()._prepare_inputs(generation_batch)
        per_generation = cast(int, arguments.steps_per_generation)
        buffered = cast(list[Any] | None, self._buffered_inputs)
        if self._step % (per_generation * self.num_iterations) == 0 or buffered is None:
            batch = skipping.permuted(self._generate_and_score_completions(generation_batch), self._unit)
            if self._may_skip and per_generation <= arguments.gradient_accumulation_steps:  # all in one step
                batch = self._dealt(batch)
            buffered = self._buffered_inputs = split_tensor_dict(batch, per_generation)
        return buffered[self._step % per_generation]

    def _dealt(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A step's batch with equally many groups that carry an advantage in every process, those first."""
        carrying = skipping.with_advantage(batch["advantages"], self._unit)
        gathered: Any = self.accelerator.gather(carrying.int()[None])
        everywhere = cast(list[list[bool]], gathered.bool().tolist())
        if dealing.is_even(everywhere):
            return dealing.gathered([batch], dealing.deal([carrying.tolist()])[0], self._unit)
        on_cpu = {name: v.cpu() if isinstance(v, Tensor) else v for name, v in batch.items()}
        batches: list[dict[str, Any]] = gather_object([on_cpu])
        taken = dealing.gathered(batches, dealing.deal(everywhere)[self.accelerator.process_index], self._unit)
        device = carrying.device
        return {name: v.to(device) if isinstance(v, Tensor) else v for name, v in taken.items()}

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        if self._shares is None and (first := self._first_whole(inputs)) is not None:
            self._shares = self._verified(model, inputs, first)
        kept = self._kept(inputs) if self._may_skip else skipping.Kept(inputs, 1.0, False)
        loss = super()._compute_loss(model, kept.inputs)
        if self.loss_type in _MEANS_OVER_ROWS:
            loss = loss * kept.share
        if not torch.isfinite(loss):
            raise not_finite("loss", self.state.global_step + 1, self._broken_rows(model, kept.inputs))
        self._metrics["train"]["prefix_shared"].append(float(bool(self._shares)))
        self._metrics["train"]["skipped_share"].append(1.0 if kept.idle else 1.0 - kept.share)
        self._count_tokens(kept.inputs)
        self._weigh(kept, inputs)
        return loss

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """TRL's, or the same figures with each group's prompt run once."""
        group = self.group_size
        grouped = self._shares and prefix_shared.is_grouped(input_ids, attention_mask, logits_to_keep, group)
        if not grouped or any(value is not None and value is not False for value in options.values()):
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, **options
            )
        step = batch_size or len(input_ids)
        scored: list[prefix_shared.Scored] = []
        for start in range(0, len(input_ids), step):
            chunk = slice(start, start + step)
            with self.accelerator.autocast():
                scored.append(
                    prefix_shared.score(model, input_ids[chunk], attention_mask[chunk], logits_to_keep, group)
                )
        entropies = torch.cat([cast(Tensor, s.entropy) for s in scored]) if compute_entropy else None
        return torch.cat([s.log_probs for s in scored]), entropies, None

    def _kept(self, inputs: dict[str, Any]) -> skipping.Kept:
        carrying = skipping.with_advantage(inputs["advantages"], self._unit)
        counts: Any = self.accelerator.gather(carrying.sum().reshape(1))
        return skipping.keep(inputs, carrying, self._unit, int(counts.max()))

    def _count_tokens(self, inputs: dict[str, Any]) -> None:
        """Add what a micro-batch put through forward and backward, in all processes, to its step's `update_tokens`."""
        prompts, completions = inputs["prompt_mask"], inputs["completion_mask"]
        if self._shares and len(prompts) % self.group_size == 0:
            prompts = prompts[:: self.group_size]
        counted: Any = self.accelerator.gather((prompts.sum() + completions.sum()).reshape(1))
        step = self._metrics["train"]["update_tokens"]
        step[:] = [sum(step) + counted.sum().item()]  # TRL logs the mean of what is here: of one number, itself

    def _weigh(self, kept: skipping.Kept, inputs: dict[str, Any]) -> None:
        """Let a step's entropy and clip shares be means over tokens, in all processes.

        Entropy is known of the groups that ran; a group without advantage, run or not, is never clipped.
        """
        ran, all_ = kept.inputs["completion_mask"], inputs["completion_mask"]
        sizes = [int(ran.sum()), int(all_.sum())]
        if self.importance_sampling_level != "token":  # a sequence is clipped as one
            sizes[1:] = [len(ran), len(all_)]
        gathered: Any = self.accelerator.gather(torch.tensor([[sizes[0], *sizes[-2:]]], device=ran.device))
        tokens, some, everything = gathered.sum(0).tolist()
        metrics = self._metrics["train"]
        for name in ("entropy", "kl"):
            self._token_means.fold(name, 0 if kept.idle else tokens)
        for name in ("clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean"):
            self._token_means.fold(name, everything, some / max(1, everything))
        unclipped = [0.0] if some < everything else []
        if low := metrics.get("clip_ratio/low_min"):
            low[:] = [min(low + unclipped)]
        if high := metrics.get("clip_ratio/high_max"):
            high[:] = [max(high)]

    def _policy(self) -> Any:
        model: Any = self.model
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    def _refuse(self, reason: str) -> None:
        self._shares = False
        log(f"the update runs every copy of a prompt (slower, same result): {reason}")

    def _first_whole(self, inputs: dict[str, Any]) -> slice | None:
        """The rows of the first group of which not all is masked; None as long as a process has none to compare."""
        masks = inputs["completion_mask"]
        unmasked = masks.any(dim=1).unflatten(0, (-1, self.group_size)).any(dim=1)
        everywhere: Any = self.accelerator.gather(unmasked.any().reshape(1))
        if not everywhere.all():
            return None
        start = int(unmasked.int().argmax()) * self.group_size
        return slice(start, start + self.group_size)

    def _verified(self, model: Any, inputs: dict[str, Any], first: slice) -> bool:
        """Compare both paths on a group; on any difference say so and stay on the plain one."""
        name = type(self._policy()).__name__
        sharded = self.is_fsdp_enabled or self.is_deepspeed_enabled
        found = [self_check.Found(torch.inf, 1.0)]
        try:
            found = self._compare(model, self_check.pair_of(inputs, first), sharded)
        except torch.OutOfMemoryError as error:
            if sharded:
                raise  # the other processes wait for this one's part of the weights
            self._refuse(f"{name}: no memory is left to compare shared prompts with the plain path: {error}")
        except Exception as error:  # whatever an unknown architecture makes of the extra keyword
            self._refuse(f"{name}: {type(error).__name__}: {error}")
        own = max(found, key=lambda held: held.difference / held.accepted)
        gathered: Any = self.accelerator.gather(torch.tensor([own], device=self.accelerator.device))
        difference, accepted = max(gathered.tolist(), key=lambda held: held[0] / held[1])
        if difference <= accepted:
            return True
        if self._shares is None:
            why = f"differ from the plain path by {difference:.1e}" if difference < torch.inf else "fail elsewhere"
            self._refuse(f"{name}: shared prompts {why}")
        return False

    def _compare(self, model: Any, pair: self_check.Pair, sharded: bool) -> list[self_check.Found]:
        policy = model if sharded else self.accelerator.unwrap_model(model)

        def plain(pair: self_check.Pair) -> Tensor:  # `_shares` is None until this is known
            return self._get_per_token_logps_and_entropies(policy, pair.ids, pair.mask, pair.completion)[0]

        def shared(pair: self_check.Pair) -> Tensor:
            with self.accelerator.autocast():
                return prefix_shared.score(policy, pair.ids, pair.mask, pair.completion, len(pair.ids)).log_probs

        half = self.args.bf16 or self.args.fp16 or any(p.dtype.itemsize < 4 for p in policy.parameters())
        return self_check.compare(plain, shared, pair, [] if sharded else self_check.few(policy), half)

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
