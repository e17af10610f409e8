"""Simple JSONL: one answer a line, with its task or beside a file of tasks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlpo_core.tasks.importing.item import Item, count, files, identity, reason, task_row, text
from mlpo_core.tasks.importing.stream import lines
from mlpo_core.tasks.rows import malformed


def items(sources: Sequence[Path]) -> Iterator[Item]:
    """The answers in files: `task_id`, `agent`, `response`; with `question`, `target`, `options`, `cat` where the tasks
    stand there too.

    Raises:
        BadInput: A malformed line; names file and line.
    """
    for path in files(sources, "*.jsonl"):
        with path.open("rb") as file:
            for where, row in lines(file, str(path)):
                task_id, agent = identity(row, "task_id", where), row.get("agent")
                if not isinstance(agent, str) or not agent:
                    raise malformed(where, f"'agent' must be text, got {agent!r:.60}")
                if "response" not in row:
                    raise malformed(where, "'response' missing")
                fields = (row.get(name) for name in ("question", "options", "target", "cat"))
                yield Item(
                    where,
                    task_row(where, task_id, *fields) if "question" in row else None,
                    task_id,
                    agent,
                    text(row["response"], "response", where),
                    count(row.get("prompt_tokens")),
                    count(row.get("completion_tokens")),
                    reason(row.get("finish_reason")),
                )
