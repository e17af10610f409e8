"""What OpenAI's Batch API gives back: one JSON object a line, which answers the task of its `custom_id`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlpo_core.tasks.importing.item import Item, count, field, files, identity, reason, text
from mlpo_core.tasks.importing.stream import lines
from mlpo_core.tasks.rows import malformed


def items(sources: Sequence[Path]) -> Iterator[Item]:
    """The answers in files. What failed there is an empty response that ended by error.

    Raises:
        BadInput: A malformed line; names file and line.
    """
    for path in files(sources, "*.jsonl"):
        with path.open("rb") as file:
            for where, row in lines(file, str(path)):
                task_id, body = identity(row, "custom_id", where), field(row, "response", "body")
                if row.get("error") or field(row, "response", "status_code") != 200:
                    # Which model failed stands nowhere in such a line; a file has one.
                    yield Item(where, None, task_id, "", None, finish_reason="error")
                    continue
                model, choice = field(body, "model"), field(body, "choices", 0)
                if not isinstance(model, str) or choice is None:
                    raise malformed(where, "'response.body' holds no 'model' and 'choices': only chat completions")
                yield Item(
                    where,
                    None,
                    task_id,
                    model,
                    text(field(choice, "message", "content"), "content", where),
                    count(field(body, "usage", "prompt_tokens")),
                    count(field(body, "usage", "completion_tokens")),
                    reason(field(choice, "finish_reason")),
                )
