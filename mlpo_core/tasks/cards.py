"""Dataset cards: what is in a training dataset, how it was sampled, what was dropped and why, and examples."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpo_core.store import Dataset
from mlpo_core.tasks.split import normalised


class Card(NamedTuple):
    """A card; `sections` are small tables of name and value by title, `examples` pairs of caption and text."""

    asset: str
    what: str
    sections: dict[str, dict[str, Any]]
    examples: Sequence[tuple[str, str]]

    def markdown(self) -> str:
        """The card as a Markdown document."""
        lines = [f"# {self.asset}", "", self.what]
        for title, table in self.sections.items():
            lines += ["", f"## {title}", "", "| | |", "|---|---|"]
            lines += [f"| {name} | {_show(value)} |" for name, value in table.items()]
        lines += ["", "## Examples"]
        for caption, text in self.examples:
            fence = "`" * max(3, _longest_run(text) + 1)
            lines += ["", caption, "", fence, text, fence]
        return "\n".join(lines) + "\n"


def distribution(values: Sequence[int]) -> dict[str, float | int]:
    """Total, mean, median, 95th percentile and maximum of counts."""
    if not values:
        return {"total": 0}
    return {
        "total": int(sum(values)),
        "mean": round(float(np.mean(values)), 1),
        "median": int(np.median(values)),
        "95th percentile": int(np.percentile(values, 95)),
        "maximum": int(max(values)),
    }


def contamination(tasks: Dataset, used: Collection[str], questions: Collection[str] = ()) -> dict[str, int]:
    """How much of what was trained on is in the test split, by normalised question text.

    Args:
        tasks: The `tasks` dataset.
        used: Ids of the tasks trained on.
        questions: Further question texts trained on, which are not tasks of the experiment.
    """
    test: set[str] = set()
    trained = {normalised(q) for q in questions}
    for row in tasks.rows(["task_id", "split", "question", "choices"]):
        text = normalised(row["question"], row["choices"])
        if row["split"] == "test":
            test.add(text)
        if row["task_id"] in used:
            trained.add(text)
    return {
        "questions trained on": len(trained),
        "questions in the test split": len(test),
        "in both": len(trained & test),
    }


def _show(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
