"""A published adapter with its base merged in, as engines load it: made once and kept in this machine's cache.

The adapter may be a stranger's: of its configuration only what is read here is given to PEFT, which would import
modules that one names; and its weights are read here, for PEFT would take pickled ones too.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from mlpo_core.errors import BadInput
from mlpo_core.models.locate import Located
from mlpo_core.store.digest import content_of, folder_sha256
from mlpo_core.store.scratch import cache

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_OF_ADAPTER = (_CONFIG, _WEIGHTS, "README.md")


class Adapter(BaseModel):
    """A LoRA adapter's configuration, as far as it is followed."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    peft_type: Literal["LORA"]
    base_model_name_or_path: Annotated[str, Field(max_length=300)]
    revision: Annotated[str, Field(max_length=100)] | None = None
    r: Annotated[int, Field(ge=1, le=65536)]
    lora_alpha: Annotated[float, Field(gt=0, le=1e6)]
    target_modules: Annotated[list[Annotated[str, Field(max_length=300)]], Field(min_length=1, max_length=10_000)]


def read_adapter(folder: Path) -> Adapter:
    """The configuration of a published adapter.

    Raises:
        BadInput: It cannot be read, or is of another kind.
    """
    try:
        return Adapter.model_validate_json((folder / _CONFIG).read_bytes())
    except (OSError, ValidationError, RecursionError) as error:
        raise BadInput(f"{folder}: {_CONFIG} is no LoRA adapter that can be read, so its base is unknown") from error


def merged(folder: Path, adapter: Adapter, base: Located) -> Path:
    """The folder of the whole leader.

    Args:
        folder: The published adapter.
        adapter: Its configuration.
        base: What it was trained on.

    Raises:
        BadInput: The base or the adapter cannot be loaded, or they do not fit.
    """
    target = cache() / "merged" / content_of({**folder_sha256(folder), "base": f"{base.model} {base.revision}"})
    return _once(target, lambda beside: _merge(folder, adapter, base, beside))


def _merge(folder: Path, adapter: Adapter, base: Located, target: Path) -> None:
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    config = LoraConfig(
        r=adapter.r,
        lora_alpha=adapter.lora_alpha,  # pyright: ignore[reportArgumentType] - a quotient where ranks were summed
        target_modules=adapter.target_modules,
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            base.model, revision=base.revision or "main", use_safetensors=True
        )
        model: Any = get_peft_model(loaded, config)
        left = set_peft_model_state_dict(model, load_file(folder / _WEIGHTS))
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        what = " ".join(str(error).split())[:300]
        raise BadInput(f"{folder}: cannot be merged into {base.model}: {what}") from error
    if strange := [*left.unexpected_keys, *(name for name in left.missing_keys if ".lora_" in name)]:
        raise BadInput(f"{folder}: cannot be merged into {base.model}: {strange[0]:.200} is in one of them alone")
    whole: Any = model.merge_and_unload()
    whole.save_pretrained(target, safe_serialization=True)
    for path in sorted(p for p in folder.iterdir() if p.is_file() and p.name not in _OF_ADAPTER):
        shutil.copyfile(path, target / path.name)


def _once(target: Path, make: Callable[[Path], None]) -> Path:
    """A folder that is made whole or not at all, whoever else makes it too."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as holder:
            beside = Path(holder) / "whole"
            beside.mkdir()
            make(beside)
            try:
                os.rename(beside, target)
            except OSError:
                if not target.exists():
                    raise
    return target
