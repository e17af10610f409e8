"""Logs of inspect_ai: `.eval` (a zip with one JSON file per sample) or `.json` (all in one)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlpo_core.errors import BadInput
from mlpo_core.tasks.importing.archives import archive, members
from mlpo_core.tasks.importing.item import Item, count, field, files, identity, reason, task_row, text
from mlpo_core.tasks.importing.stream import LARGEST, parsed
from mlpo_core.tasks.rows import malformed

_LARGEST_LOG = 1 << 30
"""Bytes of a `.json` log at most: it is read as a whole."""


def items(sources: Sequence[Path]) -> Iterator[Item]:
    """The answers in logs, or of all logs in folders.

    Raises:
        BadInput: There is no log, or a malformed sample; names the file.
    """
    for path in files(sources, "*.eval", "*.json"):
        yield from _zipped(path) if path.suffix == ".eval" else _whole(path)


def _zipped(path: Path) -> Iterator[Item]:
    with archive(path) as opened:
        sizes = {info.filename: info.file_size for info in opened.infolist()}

        def read(name: str) -> Any:
            where = f"{path}: {name}"
            if sizes.get(name, 0) > LARGEST:
                raise malformed(where, f"more than {LARGEST >> 20} MiB")
            return parsed(opened.read(name), where)

        if "header.json" not in sizes:
            raise malformed(str(path), "no header.json: the run was not finished")
        header = read("header.json")
        for name in sorted(n for n in members(opened, ".json") if n.startswith("samples/")):
            yield _item(f"{path}: {name}", header, read(name))


def _whole(path: Path) -> Iterator[Item]:
    if path.stat().st_size > _LARGEST_LOG:
        raise BadInput(f"{path}: more than {_LARGEST_LOG >> 30} GiB: convert it (inspect log convert --to eval)")
    log = parsed(path.read_bytes(), str(path))
    samples = field(log, "samples")
    if not isinstance(samples, list):
        raise malformed(str(path), "no 'samples' in it: is it a log of inspect_ai with its samples?")
    for number, sample in enumerate(samples):
        yield _item(f"{path}, sample {number}", log, sample)


def _item(where: str, log: Any, sample: Any) -> Item:
    if not isinstance(sample, dict):
        raise malformed(where, f"expected an object, got {type(sample).__name__}")
    model, name = field(log, "eval", "model"), field(log, "eval", "task")
    if not isinstance(model, str) or not isinstance(name, str):
        raise malformed(where, "the log names no 'eval.model' and 'eval.task'")
    task_id = f"{name.rpartition('/')[2]}/{identity(sample, 'id', where)}"
    question = sample.get("input")
    if isinstance(question, list):
        asked = [message for message in question if field(message, "role") == "user"]
        question = text(field(asked, len(asked) - 1, "content"), "input", where) if asked else None
    choice, usage = field(sample, "output", "choices", 0), field(sample, "output", "usage")
    return Item(
        where,
        task_row(where, task_id, question, sample.get("choices"), sample.get("target"), _subject(sample)),
        task_id,
        model.rpartition("/")[2],
        text(field(choice, "message", "content"), "content", where),
        count(field(usage, "input_tokens")),
        count(field(usage, "output_tokens")),
        "error" if sample.get("error") else reason(field(choice, "stop_reason")),
    )


def _subject(sample: dict[str, Any]) -> Any:
    names = ("subject", "category")
    return next((s for name in names if isinstance(s := field(sample, "metadata", name), str)), None)
