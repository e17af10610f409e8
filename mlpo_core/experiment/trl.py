"""`sft.trl`, `mlpo.trl` and `grpo.trl`: fields of TRL's own configurations, checked without importing TRL.

`trl_fields.json` holds their names and types as of the pinned version (`python -m scripts.trl_fields` makes it). What
this project sets itself is refused with the name of its setting, and so is what would do nothing here.
"""

import json
import math
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, cast

Config = Literal["SFTConfig", "GRPOConfig"]
_FILES = "versions, their files, resuming and progress are this chain's"
_ROWS = "rows are rendered, encoded and labelled here"
_NO_EVALUATION = "nothing is evaluated by TRL; curves on dev tasks are"
_STEPS, _MICRO, _CONTEXT = "steps, beside trl", "micro_batch_size, beside trl", "leader.max_context"
_REMOTE, _LAUNCHER, _HUB = "leader.trust_remote_code", "launcher", "push_to_hub"
_SET_HERE: Mapping[str, str] = {
    "max_steps": _STEPS,
    "num_train_epochs": _STEPS,
    "per_device_train_batch_size": _MICRO,
    "gradient_accumulation_steps": _MICRO,
    "auto_find_batch_size": _MICRO,
    "learning_rate": "learning_rate, beside trl",
    "warmup_steps": "warmup_share, beside trl",
    "gradient_checkpointing": "gradient_checkpointing, beside trl",
    "save_steps": "save_steps, beside trl",
    "save_strategy": "save_steps, beside trl",
    "seed": "seed, of the experiment",
    "data_seed": "seed, of the experiment",
    "train_sampling_strategy": "seed, of the experiment",
    "shuffle_dataset": "seed, of the experiment",
    "disable_dropout": "lora.dropout, beside trl",
    "trust_remote_code": _REMOTE,
    "use_cpu": _LAUNCHER,
    "fsdp": _LAUNCHER,
    "fsdp_config": _LAUNCHER,
    "deepspeed": _LAUNCHER,
    "accelerator_config": _LAUNCHER,
    "parallelism_config": _LAUNCHER,
    "local_rank": _LAUNCHER,
    "push_to_hub": _HUB,
    "report_to": "trackers",
    "run_name": "trackers",
    "project": "trackers",
}
_SET_FOR_GRPO: Mapping[str, str] = {
    "num_generations": "group_size, beside trl",
    "generation_batch_size": "prompts_per_step, beside trl",
    "steps_per_generation": "num_iterations and prompts_per_step, beside trl",
    "num_iterations": "num_iterations, beside trl",
    "max_completion_length": "leader.max_new_tokens",
    "temperature": "temperature, beside trl",
    "beta": "beta, beside trl",
    "reward_weights": "reward, beside trl",
    "mask_truncated_completions": "truncated, beside trl",
    "use_vllm": "rollouts, beside trl",
    "vllm_max_model_length": _CONTEXT,
    "chat_template_kwargs": "leader.chat_template",
    "eval_steps": "eval_steps, beside trl",
    "eval_strategy": "eval_steps, beside trl",
    "load_best_model_at_end": "keep_best, beside trl",
    "metric_for_best_model": "keep_best, beside trl",
    "greater_is_better": "keep_best, beside trl",
    "vllm_importance_sampling_cap": "trl.vllm_importance_sampling_clip_max",
}
_SET_FOR_SFT: Mapping[str, str] = {
    "max_length": _CONTEXT,
    "completion_only_loss": "mask_wrong, beside trl",
    "assistant_only_loss": "mask_wrong, beside trl",
}
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        [
            "output_dir",
            "resume_from_checkpoint",
            "ignore_data_skip",
            "save_total_limit",
            "save_only_model",
            "save_on_each_node",
            "enable_jit_checkpoint",
            "restore_callback_states_from_checkpoint",
            "logging_strategy",
            "logging_steps",
            "logging_first_step",
            "log_on_each_node",
            "logging_nan_inf_filter",
            "include_num_input_tokens_seen",
            "log_level",
            "log_level_replica",
            "disable_tqdm",
            "do_train",
            "do_eval",
            "do_predict",
            "debug",
            "skip_memory_metrics",
            "log_completions",
            "log_multimodal",
            "num_completions_to_print",
            "log_unique_prompts",
        ],
        _FILES,
    ),
    **dict.fromkeys(
        [
            "hub_token",
            "hub_private_repo",
            "hub_model_id",
            "hub_strategy",
            "hub_always_push",
            "hub_revision",
            "trackio_space_id",
            "trackio_bucket_id",
            "trackio_static_space_id",
            "log_completions_hub_repo",
        ],
        "training sends nothing to a hub; `mlpo push` sends what is finished",
    ),
    **dict.fromkeys(
        [
            "eval_strategy",
            "load_best_model_at_end",
            "metric_for_best_model",
            "greater_is_better",
            "eval_steps",
            "eval_delay",
            "per_device_eval_batch_size",
            "prediction_loss_only",
            "eval_on_start",
            "eval_do_concat_batches",
            "eval_use_gather_object",
            "eval_accumulation_steps",
            "include_for_metrics",
            "batch_eval_metrics",
            "bf16_full_eval",
            "fp16_full_eval",
            "num_generations_eval",
            "eval_packing",
        ],
        _NO_EVALUATION,
    ),
    **dict.fromkeys(
        [
            "model_init_kwargs",
            "remove_unused_columns",
            "label_names",
            "length_column_name",
            "chat_template_path",
            "dataset_text_field",
            "dataset_kwargs",
            "dataset_num_proc",
            "eos_token",
            "pad_token",
            "truncation_mode",
            "packing",
            "packing_strategy",
            "padding_free",
            "max_tool_calling_iterations",
        ],
        _ROWS,
    ),
    "use_transformers_paged": "TRL no longer reads it",
}
_UNREAD_BY_GRPO: Mapping[str, str] = dict.fromkeys(
    ("label_smoothing_factor", "average_tokens_across_devices"), "GRPO's loss does not read it"
)
_CHOICES: Mapping[tuple[Config, str], tuple[str, ...]] = {
    ("GRPOConfig", "loss_type"): ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"),
    ("GRPOConfig", "importance_sampling_level"): ("token", "sequence"),
    ("GRPOConfig", "scale_rewards"): ("none", "group", "batch"),
    ("GRPOConfig", "multi_objective_aggregation"): ("sum_then_normalize", "normalize_then_sum"),
    ("GRPOConfig", "vllm_mode"): ("colocate", "server"),
    ("SFTConfig", "loss_type"): ("nll", "dft"),
}
"""Words that TRL types as any string, and refuses when it trains."""

_OF_EVALUATIONS = frozenset({"greedy", "reduce_lr_on_plateau"})
"""Schedules that follow what TRL evaluates, which is nothing here: they would never change the rate."""


@lru_cache(maxsize=1)
def table() -> dict[str, dict[str, dict[str, Any]]]:
    """By configuration and field: `kinds` of value, `values` where only some are allowed, and the `default`."""
    return json.loads(files("mlpo_core.experiment").joinpath("trl_fields.json").read_text("utf-8"))


def refusal(config: Config, name: str) -> str | None:
    """Why a field of a configuration is not to be given, or None where it may be."""
    of_config = _SET_FOR_GRPO if config == "GRPOConfig" else _SET_FOR_SFT
    if ours := of_config.get(name) or _SET_HERE.get(name):
        return f"is the setting {ours}"
    return _REFUSED.get(name) or (_UNREAD_BY_GRPO.get(name) if config == "GRPOConfig" else None)


def choices(config: Config, name: str) -> tuple[Any, ...]:
    """The values that a field takes, where it takes only some."""
    named = _CHOICES.get((config, name)) or table()[config][name].get("values", ())
    return tuple(value for value in named if value not in _OF_EVALUATIONS)


def checked(config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as TRL takes them: whole numbers for fractions become such.

    Raises:
        ValueError: One is not a field, is ours, or has a value of another type; says which.
    """
    fields = table()[config]
    for name in given:
        if name not in fields:
            near = get_close_matches(name, [n for n in fields if not refusal(config, n)], n=1)
            meant = f"did you mean {near[0]}?" if near else "check its spelling"
            raise ValueError(f"{name:.80}: TRL's {config} has no such field; {meant}")
        if reason := refusal(config, name):
            raise ValueError(f"{name}: {reason}")
    return {name: _fitted(config, name, value, fields[name]["kinds"]) for name, value in given.items()}


def idle(given: Mapping[str, Any], beta: float, rollouts: str) -> str | None:
    """A field for GRPO that would do nothing beside the other settings, and what it needs; None if there is none."""
    loss = given.get("loss_type", "dr_grpo")
    for name in given:
        needs = None
        if name.startswith("vllm_") and rollouts != "vllm":
            needs = "rollouts: vllm"
        elif name.startswith(("vllm_server_", "vllm_group_")) and given.get("vllm_mode") != "server":
            needs = "trl.vllm_mode: server"
        elif name.startswith(("sync_ref_model", "ref_model_", "use_bias_correction_kl")) and not beta:
            needs = "a beta above 0"
        elif name.startswith(("sapo_", "vespo_")) and name.partition("_")[0] != loss:
            needs = f"trl.loss_type: {name.partition('_')[0]}"
        elif name.startswith(("entropy_coef_", "entropy_target")) and not given.get("use_adaptive_entropy"):
            needs = "trl.use_adaptive_entropy: true"
        elif name == "importance_sampling_level" and loss == "vespo" and given[name] == "sequence":
            needs = "a loss_type other than vespo, which weighs sequences itself"
        if needs:
            return f"{name}: does nothing without {needs}"
    return None


def _fitted(config: Config, name: str, value: Any, kinds: list[str]) -> Any:
    if (allowed := choices(config, name)) and value not in allowed:
        near = get_close_matches(str(value), [str(a) for a in allowed], n=1)
        listed = ", ".join(map(str, allowed))
        raise ValueError(
            f"{name}: {value!r:.80} is none of its values; "
            + (f"did you mean {near[0]}? " if near else "")
            + f"(there are: {listed})"
        )
    kind = _kind(value)
    if kind in kinds:
        return value
    if "float" in kinds and "str" not in kinds and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            number = float(value)  # YAML reads 1e-6 as a string
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"{name}: {value!r:.80} is no {' or '.join(kinds)}, as TRL's {config} wants it")


def _kind(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "number that is not finite"
    if isinstance(value, list | tuple):
        inner = {_kind(item) for item in cast("list[Any]", value)}
        return f"list[{inner.pop()}]" if len(inner) == 1 else "list"
    return "null" if value is None else type(value).__name__
