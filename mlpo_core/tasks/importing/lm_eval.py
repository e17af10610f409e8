"""What lm-evaluation-harness writes with `--log_samples`: `<model>/samples_<task>_<time>.jsonl`."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlpo_core.errors import BadInput
from mlpo_core.tasks.importing.item import Item, field, files, identity, task_row
from mlpo_core.tasks.importing.stream import lines
from mlpo_core.tasks.rows import malformed

_FILE = re.compile(r"samples_(.+?)(_\d{4}-\d\d-\d\dT[\d.-]+)?\.jsonl")
_QUESTION = ("question", "problem", "input", "query")
_OPTIONS = ("options", "choices", "endings")
_SUBJECT = ("category", "subject", "type")


def items(sources: Sequence[Path]) -> Iterator[Item]:
    """The answers in files, or of all models in folders.

    Raises:
        BadInput: There is no such file, a malformed line, or likelihoods instead of text; names file and line.
    """
    for path in files(sources, "samples_*.jsonl"):
        yield from _of(path)


def _of(path: Path) -> Iterator[Item]:
    found = _FILE.fullmatch(path.name)
    if not found:
        raise BadInput(f"{path}: expected a name like samples_TASK.jsonl in a folder named after the model")
    name, agent, filters = found.group(1), path.absolute().parent.name, list[Any]()
    with path.open("rb") as file:
        for where, row in lines(file, str(path)):
            # Every filter of a task writes the same responses again.
            filters = filters or [row.get("filter")]
            if row.get("filter") not in filters:
                continue
            task_id = f"{name}/{identity(row, 'doc_id', where)}"
            responses = field(row, "resps", 0)
            if not isinstance(responses, list) or not all(isinstance(r, str) for r in responses):
                raise malformed(where, "'resps' holds no text: only tasks that generate can be imported")
            doc = row.get("doc")
            question = _first(doc, _QUESTION) or field(row, "arguments", "gen_args_0", "arg_0")
            target = row.get("target")
            task = task_row(where, task_id, question, _first(doc, _OPTIONS), target, _first(doc, _SUBJECT))
            for response in responses:
                yield Item(where, task, task_id, agent, response)


def _first(doc: Any, names: Sequence[str]) -> Any:
    return next((value for name in names if (value := field(doc, name)) is not None), None)
