"""Read one experiment: one YAML file, its sections checked completely before anything expensive starts."""

from collections.abc import Sequence
from difflib import get_close_matches
from inspect import isclass
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from mlpo_core.errors import BadInput
from mlpo_core.experiment.config import Experiment
from mlpo_core.experiment.plain import read_file
from mlpo_core.experiment.prompt_files import with_templates
from mlpo_core.experiment.rubric_file import with_rubric
from mlpo_core.experiment.section import CREDENTIALS, Section
from mlpo_core.experiment.trusted import overridden


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read and check an experiment file.

    Args:
        path: The YAML file.
        overrides: `a.b=c` settings; values are YAML.

    Raises:
        BadInput: The file is absent, not YAML, or has an unknown key or a wrong value, or its folder of templates
            or its rubric cannot be read; the message names each field.
    """
    path = Path(path)
    raw = read_file(path)
    if not isinstance(raw, dict):
        raise BadInput(f"{path}: expected a mapping of sections, got {type(raw).__name__}")
    overridden(raw, overrides)
    return parse(with_rubric(with_templates(raw, path), path), str(path))


def parse(raw: Any, where: str) -> Experiment:
    """Check an experiment given as plain data. `where` names its origin in errors."""
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        found = error.errors()
        lines = [f"  {'.'.join(map(str, e['loc'])) or '(top)'}: {_explain(e)}" for e in found if not _echo(e, found)]
        raise BadInput(f"{where}: not a valid experiment:\n" + "\n".join(lines)) from error


def _echo(error: Any, found: Sequence[Any]) -> bool:
    """Whether a list is called too short only because an item of it is wrong."""
    loc = error["loc"]
    return error["type"] == "too_short" and any(e["loc"][: len(loc)] == loc and e["loc"] != loc for e in found)


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(error["loc"][-1]), _keys(error["loc"][:-1]), n=1)
        meant = f"did you mean {near[0]}?" if near else "check its spelling and its section"
        return f"unknown key; {meant} (docs/, Settings, lists all)"
    if error["type"] == CREDENTIALS:
        return error["msg"]
    return f"{error['msg']} (got {error['input']!r:.80})"


def _keys(loc: Sequence[int | str]) -> list[str]:
    """The keys of the section that a place in an experiment is."""
    section: type[Section] = Experiment
    for part in loc:
        field = section.model_fields.get(part) if isinstance(part, str) else None
        if field and (inner := _section(field.annotation)):
            section = inner
    return list(section.model_fields)


def _section(annotation: Any) -> type[Section] | None:
    """The section that a type is, or is made of."""
    if isclass(annotation) and issubclass(annotation, Section):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section(inner))), None)
