"""Write a commented experiment to begin with."""

import argparse
import re
from importlib.resources import files
from pathlib import Path

from mlpo_core.errors import BadInput
from mlpo_core.experiment.files import folder
from mlpo_core.progress import say

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*", re.ASCII)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("name", metavar="NAME", help="of the experiment, and of its file")


def run(options: argparse.Namespace) -> None:
    """Write `NAME.yaml` where experiments are looked for, and say what to do with it.

    Raises:
        BadInput: The name is no name of a file, or there is such a file.
    """
    name: str = options.name
    if not _NAME.fullmatch(name):
        raise BadInput(f"init {name!r}: a name has letters, digits, '_', '.' and single '-' only")
    path = (folder() if folder().parent == Path() else Path("experiments")) / f"{name}.yaml"
    text = files("mlpo_core.commands").joinpath("templates/experiment.yaml").read_text("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("NAME", name))
    except FileExistsError as error:
        raise BadInput(f"init: {path} is there already: choose another name, or edit it") from error
    say(f"{path}: edit it, then `mlpo plan {name}` and `mlpo run {name}`")
