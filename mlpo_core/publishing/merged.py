"""A published adapter with its base merged in, as engines load it: made once and kept in this machine's cache."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from mlpo_core.models.locate import Located
from mlpo_core.store.digest import content_of, folder_sha256
from mlpo_core.store.scratch import cache

_OF_ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "README.md")


def merged(folder: Path, base: Located) -> Path:
    """The folder of the whole leader.

    Args:
        folder: The published adapter.
        base: What it was trained on.
    """
    target = cache() / "merged" / content_of({**folder_sha256(folder), "base": f"{base.model} {base.revision}"})
    return _once(target, lambda beside: _merge(folder, base, beside))


def _merge(folder: Path, base: Located, target: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(base.model, revision=base.revision or "main", use_safetensors=True)
    # As the base is stored; its terms are added in the arithmetic of its own numbers.
    whole = PeftModel.from_pretrained(loaded, folder, use_safetensors=True).merge_and_unload()
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
