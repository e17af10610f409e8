"""What the authors of MMLU-Pro publish: `eval_results/model_outputs_<model>_5shots.zip`, one JSON list each."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlpo_core.errors import BadInput
from mlpo_core.tasks.importing.archives import json_file
from mlpo_core.tasks.importing.item import Item, files, identity, task_row, text
from mlpo_core.tasks.importing.stream import elements
from mlpo_core.tasks.rows import malformed

_FILE = re.compile(r"model_outputs_(.+)_5shots(\.json)?(\.zip)?")
_MAKERS = ("meta-", "c4ai-")


def items(sources: Sequence[Path]) -> Iterator[Item]:
    """The answers of all models in folders, or of some files.

    Raises:
        BadInput: There is no such file, or a malformed entry; names file and line.
    """
    for file in files(sources, "model_outputs_*_5shots*"):
        yield from _of(file)


def agent_of(name: str) -> str:
    """The model's name in a file's: in lower case, without its maker, with points in its version."""
    found = _FILE.fullmatch(name)
    if not found:
        raise BadInput(f"{name}: expected a name like model_outputs_MODEL_5shots.zip")
    agent = found.group(1).lower()
    for maker in _MAKERS:
        agent = agent.removeprefix(maker)
    return re.sub(r"(\d)_(\d)", r"\1.\2", agent)


def _of(path: Path) -> Iterator[Item]:
    agent = agent_of(path.name)
    with json_file(path) as (file, name):
        for where, entry in elements(file, name):
            if isinstance(entry, str):  # names of statistics, left by the authors' own merging
                continue
            if not isinstance(entry, dict):
                raise malformed(where, f"expected an object or text, got {type(entry).__name__}")
            if "generated_text" not in entry and "model_outputs" not in entry:
                raise malformed(where, "neither 'generated_text' nor 'model_outputs' in it")
            response = text(entry.get("generated_text", entry.get("model_outputs")), "generated_text", where)
            task_id = identity(entry, "question_id", where)
            fields = (entry.get(n) for n in ("question", "options", "answer", "category"))
            yield Item(where, task_row(where, task_id, *fields), task_id, agent, response)
