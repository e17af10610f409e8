"""Read one experiment: one YAML file, its sections checked completely before anything expensive starts."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mlpo_core.errors import BadInput
from mlpo_core.experiment.config import Experiment
from mlpo_core.experiment.engine import CREDENTIALS
from mlpo_core.experiment.overrides import override


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read and check an experiment file.

    Args:
        path: The YAML file.
        overrides: `a.b=c` settings; values are YAML.

    Raises:
        BadInput: The file is absent, not YAML, or has an unknown key or a wrong value; the message names each field.
    """
    path = Path(path)
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such experiment file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise BadInput(f"{path}: expected a mapping of sections, got {type(raw).__name__}")
    for setting in overrides:
        override(raw, setting)
    return parse(raw, str(path))


def parse(raw: Any, where: str) -> Experiment:
    """Check an experiment given as plain data. `where` names its origin in errors."""
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in e['loc']) or '(top)'}: {_explain(e)}" for e in error.errors()]
        raise BadInput(f"{where}: not a valid experiment:\n" + "\n".join(lines)) from error


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; check its spelling and its section (`mlpo settings` lists all)"
    if error["type"] == CREDENTIALS:
        return error["msg"]
    return f"{error['msg']} (got {error['input']!r:.80})"
