"""A leader's weights as they are published: whole, or as an adapter of a model that others have."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from mlpo_core.models.locate import Located
from mlpo_core.prompts import chat

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_GENERATION = "generation_config.json"
_OF_WEIGHTS = (".safetensors", ".safetensors.index.json")
_SAMPLING = ("do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty")


def put_whole(checkpoint: Path, target: Path) -> None:
    """Lay out a checkpoint's files in a folder, without copying them.

    Args:
        checkpoint: Folder of safetensors, configuration and tokenizer.
        target: A folder that is there and empty.
    """
    for path in sorted(p for p in checkpoint.rglob("*") if p.is_file() and p.name != "README.md"):
        place = target / path.relative_to(checkpoint)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path.resolve())


def put_adapter(checkpoint: Path, adapters: Sequence[Path], base: Located, target: Path) -> None:
    """Write one adapter that does what several do one after the other, with the leader's tokenizer beside it.

    Each was trained on the base with those before it merged in; their low-rank terms add up, so that one of the summed
    rank is exactly all of them (up to the rounding of what was merged).

    Args:
        checkpoint: The whole leader: of it everything but weights and configuration is taken.
        adapters: Folders in PEFT's format, in the order of training.
        base: The model that the first was trained on.
        target: A folder that is there and empty.
    """
    for path in sorted(p for p in checkpoint.iterdir() if p.is_file()):
        if not path.name.endswith(_OF_WEIGHTS) and path.name not in ("config.json", "README.md"):
            (target / path.name).symlink_to(path.resolve())
    configs = [json.loads((folder / _CONFIG).read_text("utf-8")) for folder in adapters]
    rank = sum(int(config["r"]) for config in configs)
    config: dict[str, Any] = {
        **configs[-1],
        "r": rank,
        "lora_alpha": rank,
        "target_modules": sorted({module for one in configs for module in one["target_modules"]}),
        "base_model_name_or_path": base.model,
        "revision": base.revision,
        "inference_mode": True,
    }
    (target / _CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    save_file(_summed(adapters, [one["lora_alpha"] / one["r"] for one in configs]), target / _WEIGHTS)


def put_template(target: Path, tokenizer: Any) -> None:
    """Give a tokenizer without a chat template the one that says what it was trained on: the turn and a newline."""
    if not tokenizer.chat_template:
        start = json.dumps(chat.render(tokenizer, "?").removesuffix("?\n"))
        turns = "{% for message in messages %}{{ message['content'] + '\\n' }}{% endfor %}"
        (target / "chat_template.jinja").write_text(f"{{{{ {start} }}}}{turns}", "utf-8")


def put_generation(target: Path, tokenizer: Any, temperature: float, max_new_tokens: int) -> None:
    """Let the folder's generation configuration sample, and end, as the leader was measured.

    Args:
        target: The published folder.
        tokenizer: Its end of text ends an answer too.
        temperature: Of the leader in the benchmark; 0 is greedy.
        max_new_tokens: Its limit there.
    """
    path = target / _GENERATION
    values: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    values = {name: value for name, value in values.items() if name not in _SAMPLING}
    ends = values.get("eos_token_id")
    known = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    values["eos_token_id"] = sorted({*known, tokenizer.eos_token_id} - {None})
    values |= {"do_sample": temperature > 0, "max_new_tokens": max_new_tokens}
    values |= {"temperature": temperature, "top_k": 0} if temperature > 0 else {}
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")


def _summed(adapters: Sequence[Path], scales: Sequence[float]) -> dict[str, Any]:
    """The weights of an adapter of the summed rank whose own scale is 1."""
    import torch

    parts: dict[str, list[Any]] = {}
    for folder, scale in zip(adapters, scales, strict=True):
        with safe_open(folder / _WEIGHTS, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118
                tensor = tensors.get_tensor(name)
                parts.setdefault(name, []).append(tensor * scale if ".lora_B." in name else tensor)
    return {name: torch.cat(found, dim=1 if ".lora_B." in name else 0) for name, found in parts.items()}
