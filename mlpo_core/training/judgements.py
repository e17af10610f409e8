"""What a judge said during training: gathered in the folder of unfinished work, and written with the checkpoint."""

import json
from pathlib import Path
from typing import Any

from mlpo_core.context import Context
from mlpo_core.judging.rows import judged_stats, put_judged
from mlpo_core.launching.group import rank

_TRAINING = "training"


class Judgements:
    """Gathers the judgements of one training process.

    Args:
        ctx: The stage.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._folder = ctx.writer.scratch() / "judged"

    def keep(self, rows: list[dict[str, Any]]) -> None:
        """Add rows; they survive a kill."""
        if rows:
            self._folder.mkdir(exist_ok=True)
            with (self._folder / f"{rank() or 0}.jsonl").open("a") as file:
                file.write("".join(json.dumps(row) + "\n" for row in rows))

    def put(self) -> dict[str, Any]:
        """Write what this machine's processes gathered, each judged answer once; returns its sums for the manifest.

        Of several processes the first does.
        """
        if rank():
            return {}
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            for row in _rows(path):
                found.setdefault(row["id"], row)
        put_judged(self._ctx.writer, _TRAINING, [found[name] for name in sorted(found)])
        return judged_stats(self._ctx.writer, [_TRAINING])


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, without a last line that a kill cut off."""
    whole, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.split("\n") if line]
