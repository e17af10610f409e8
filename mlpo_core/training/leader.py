"""The leader's weights and tokenizer: loading them, adapting them, and writing them as a checkpoint."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from mlpo_core.context import Context
from mlpo_core.engines.precision import trains_in_bfloat16
from mlpo_core.engines.threads import fit_threads
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Leader, LoRA
from mlpo_core.models.locate import locate
from mlpo_core.prompts import chat
from mlpo_core.training import sharding

CHECKPOINT = "checkpoint"
"""Folder of a leader's version that holds its safetensors and tokenizer."""
ADAPTER = "adapter"
"""Folder of a leader's version that holds its adapter alone, where one was trained: the checkpoint has it merged in."""


class LoadedLeader(NamedTuple):
    """A causal language model ready to train, its tokenizer, and the revision of a hub model."""

    model: Any
    tokenizer: Any
    revision: str | None


def load_start(ctx: Context, lora: LoRA) -> LoadedLeader:
    """The leader that training starts from: the SFT leader where there is one, else the base leader."""
    leader = leader_section(ctx)
    sharding.begin(ctx, lora.rank)
    if sft := ctx.inputs.get("sft_leader"):
        return load(str(sft.local_folder(CHECKPOINT)), None, leader, lora)
    model, revision = locate(ctx.inputs["base_models"], "leader")
    return load(model, revision, leader, lora)


def leader_section(ctx: Context) -> Leader:
    """The experiment's leader, which every training stage has (they do not apply without one)."""
    if ctx.experiment.leader is None:
        raise BadInput("leader: this experiment has none, so there is nothing to train")
    return ctx.experiment.leader


def load(model: str, revision: str | None, leader: Leader, lora: LoRA) -> LoadedLeader:
    """Load a checkpoint for training.

    Full fine-tuning keeps float32 weights (bfloat16 arithmetic on a GPU is autocast over them: steps of 1e-6 would
    vanish in bfloat16 weights). Under LoRA the frozen weights are bfloat16 on a GPU that has it.
    """
    transformers_logging.disable_progress_bar()
    frozen_half = lora.rank > 0 and trains_in_bfloat16("frozen weights")
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": leader.trust_remote_code}
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left", **options)
    config = AutoConfig.from_pretrained(model, **options)
    soft_capped = getattr(config.get_text_config(), "attn_logit_softcapping", None) is not None
    loaded = AutoModelForCausalLM.from_pretrained(
        model,
        dtype=torch.bfloat16 if frozen_half else torch.float32,
        # transformers' sdpa leaves soft-capping out (Gemma-2), which would train another model than the one that runs
        attn_implementation="eager" if soft_capped else "sdpa",
        use_safetensors=True,
        **options,
    )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    _stop_at_end_of_turn(loaded, tokenizer)
    fit_threads(loaded)
    return LoadedLeader(loaded, tokenizer, revision)


def context_limit(model: Any, leader: Leader) -> int:
    """Tokens that prompt plus completion may take: the experiment's limit, or the model's where that is smaller."""
    return min(leader.max_context, getattr(model.config.get_text_config(), "max_position_embeddings", sys.maxsize))


def end_of_turn(tokenizer: Any) -> int:
    """The token that ends an answer: what the chat template writes after one, else the end-of-text token."""
    if tokenizer.chat_template:
        mark = "ANSWER"
        turns = [{"role": "user", "content": "QUESTION"}, {"role": "assistant", "content": mark}]
        after = tokenizer.apply_chat_template(turns, tokenize=False).rpartition(mark)[2]
        ids = tokenizer(after, add_special_tokens=False)["input_ids"]
        if ids and ids[0] in chat.control_tokens(tokenizer).values():
            return ids[0]
    if tokenizer.eos_token_id is None:
        raise BadInput(f"{tokenizer.name_or_path}: the tokenizer has no end-of-text token, so answers could not end")
    return tokenizer.eos_token_id


def ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Token ids in which a finished completion ends, as TRL counts them: end of turn or text, or padding."""
    return frozenset([*model.generation_config.eos_token_id, tokenizer.pad_token_id])


def adapter(lora: LoRA) -> Any | None:
    """What PEFT makes an adapter of; None where all weights are trained."""
    if not lora.rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha or 2 * lora.rank,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        task_type="CAUSAL_LM",
    )


def save(model: Any, tokenizer: Any, folder: Path, weights: dict[str, torch.Tensor] | None = None) -> Path:
    """Write safetensors, configuration and tokenizer; adapters are merged into the weights.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        folder: Where to.
        weights: Its whole state, where the model itself holds a part only.
    """
    if hasattr(model, "merge_and_unload"):
        model, weights = model.merge_and_unload(), None
    model.save_pretrained(folder, safe_serialization=True, state_dict=weights)
    tokenizer.save_pretrained(folder)
    return folder


def save_adapter(model: Any, folder: Path, weights: dict[str, torch.Tensor] | None = None) -> Path | None:
    """Write an adapter as PEFT reads it, before `save` merges it; None where the model has none. Arguments as there."""
    if not hasattr(model, "merge_and_unload"):
        return None
    for config in model.peft_config.values():
        if config.base_model_name_or_path and Path(config.base_model_name_or_path).exists():
            config.base_model_name_or_path = None  # where a model lay on this machine says nothing elsewhere
    model.save_pretrained(folder, state_dict=weights, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    return folder


def _stop_at_end_of_turn(model: Any, tokenizer: Any) -> None:
    known = model.generation_config.eos_token_id
    ids = [] if known is None else [known] if isinstance(known, int) else list(known)
    for token in (tokenizer.eos_token_id, end_of_turn(tokenizer)):
        if token is not None and token not in ids:
            ids.append(token)
    model.generation_config.eos_token_id = ids
