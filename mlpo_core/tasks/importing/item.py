"""One recorded answer as a form gives it, and how a form's fields are read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.tasks.rows import malformed
from mlpo_core.types import LETTERS


class Item(NamedTuple):
    """One answer of one agent to one task.

    Attributes:
        where: File and line, for errors.
        task: The task as a row of `<benchmark>_tasks.jsonl`; None where the form does not hold it.
        task_id: Its id.
        agent: Who answered.
        response: The text; None where the model gave none.
        prompt_tokens: Tokens read, and below written; None where not recorded.
        completion_tokens: See above.
        finish_reason: `stop`, `length`, `error` or `unknown`.
    """

    where: str
    task: dict[str, Any] | None
    task_id: str
    agent: str
    response: str | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str = "unknown"


def files(sources: Sequence[Path], *patterns: str) -> list[Path]:
    """Files as they are named, and of folders all that match a pattern, sorted.

    Raises:
        BadInput: There is none.
    """
    found = [
        path
        for source in sources
        for path in (sorted(p for one in patterns for p in source.rglob(one)) if source.is_dir() else [source])
    ]
    if not found:
        raise BadInput(f"{sources[0]}: no {' or '.join(patterns)} there")
    return found


def field(raw: Any, *path: str | int) -> Any:
    """What stands at a path of keys and positions in JSON, or None where nothing does."""
    for step in path:
        if isinstance(step, int):
            raw = raw[step] if isinstance(raw, list) and step < len(raw) else None
        else:
            raw = raw.get(step) if isinstance(raw, Mapping) else None
    return raw


def identity(raw: Mapping[str, Any], name: str, where: str) -> str:
    """A required id: text or a number."""
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise malformed(where, f"{name!r} must be text or a whole number, got {value!r:.60}")
    return str(value)


def text(value: Any, name: str, where: str) -> str | None:
    """A response: text, parts of text (`[{"type": "text", "text": …}]`), or None."""
    if isinstance(value, list) and all(isinstance(part, Mapping) for part in value):
        value = "".join(part["text"] for part in value if isinstance(part.get("text"), str))
    if value is not None and not isinstance(value, str):
        raise malformed(where, f"{name!r} must be text, got {value!r:.60}")
    return value


def task_row(where: str, task_id: str, question: Any, options: Any, target: Any, subject: Any = None) -> dict[str, Any]:
    """A row of `<benchmark>_tasks.jsonl`; a target that is the position of an option becomes its letter."""
    if isinstance(options, Mapping) and isinstance(options.get("text"), list):
        options = options["text"]  # as the hub's datasets have it: labels and texts apart
    if isinstance(target, Sequence) and not isinstance(target, str) and len(target) == 1:
        (target,) = target
    if options and isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(options):
        target = LETTERS[target]
    if isinstance(target, (int, float)) and not isinstance(target, bool):
        target = str(target)
    for name, value in (("question", question), ("target", target)):
        if not isinstance(value, str) or not value.strip():
            raise malformed(where, f"the {name} must be text, got {value!r:.60}")
    row = {"id": task_id, "question": question, "target": target}
    row |= {"options": options} if options else {}
    return row | ({"cat": subject} if isinstance(subject, str) and subject else {})


def count(value: Any) -> int | None:
    """A token count, where there is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def reason(value: Any) -> str:
    """How a response ended, in the words of the recorded format."""
    known = {"stop": "stop", "end_turn": "stop", "length": "length", "max_tokens": "length", "model_length": "length"}
    return known.get(value, "unknown") if isinstance(value, str) else "unknown"
