"""Reads the folder that `prompts.folder` names: `agent.jinja`, `leader.jinja` …, beside the experiment's file."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mlpo_core.errors import BadInput
from mlpo_core.experiment.prompts import LARGEST, NAMES

SUFFIX = ".jinja"


def with_templates(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """An experiment as plain data with the templates of its folder, if it names one, as if they stood in its file.

    Args:
        raw: The experiment.
        path: Its file.

    Raises:
        BadInput: The folder has no template or one of another name, or one cannot be read or is given twice.
    """
    section: Any = raw.get("prompts")
    if not isinstance(section, dict) or not isinstance(name := section.get("folder"), str) or not leads_down(name):
        return raw  # what is wrong with it is said with all that is wrong with the experiment
    folder = path.parent / name
    if not folder.is_dir():
        raise BadInput(f"{path}: prompts.folder: {folder} is no folder; it is looked for beside the experiment's file")
    texts = {
        file.stem: read_text(file, LARGEST, "take the file away for the standard text")
        for file in sorted(folder.glob(f"*{SUFFIX}"))
        if _known(file)
    }
    if not texts:
        raise BadInput(f"{path}: prompts.folder: {folder} has no template; expected {_all()}")
    if twice := [name for name in texts if section.get(name)]:
        raise BadInput(f"{path}: prompts.{twice[0]}: stands in {folder / twice[0]}{SUFFIX} too: keep one of them")
    return {**raw, "prompts": {**section, **texts}}


def leads_down(name: str) -> bool:
    """Whether a folder's name leads down from the experiment's file."""
    return bool(name) and not any(part.startswith(".") or not part for part in name.split("/"))


def _known(file: Path) -> bool:
    if file.stem in NAMES:
        return True
    near = get_close_matches(file.stem, NAMES, n=1)
    raise BadInput(f"{file}: no template is called so; " + (f"did you mean {near[0]}{SUFFIX}?" if near else _all()))


def _all() -> str:
    return "some of " + ", ".join(f"{name}{SUFFIX}" for name in NAMES)


def read_text(file: Path, largest: int, if_empty: str) -> str:
    """The text of a small file beside an experiment's.

    Args:
        file: Which.
        largest: Characters that it may have.
        if_empty: What to do about an empty one.

    Raises:
        BadInput: It is no file, no text, empty or too large.
    """
    if not file.is_file():
        raise BadInput(f"{file}: is no file")
    try:
        with file.open("rb") as opened:
            data = opened.read(4 * largest + 1)
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror or error}") from error
    if len(data) > 4 * largest:
        raise BadInput(f"{file}: is too large: more than {largest} characters")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(f"{file}:{line}: is no UTF-8 text") from error
    if len(text) > largest:
        raise BadInput(f"{file}: is too large: more than {largest} characters")
    if not text.strip():
        raise BadInput(f"{file}: is empty; {if_empty}")
    return text
