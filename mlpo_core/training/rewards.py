"""The reward of a leader's completion: correctness, plus a small format term that counts only beside it.

`reward = correct × (1 + format_weight × well_formed)`. Left to itself a format bonus would give an all-wrong group
non-zero advantages, and the leader would be taught tags instead of answers: here such a group scores zero throughout
and is exactly without signal.
"""

import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, cast

from mlpo_core.grading import Grader, grade
from mlpo_core.types import AnswerKind, Task, Verdict

_WELL_FORMED = re.compile(
    r"\s*<think>(?:(?!</?(?:think|answer)>).)*</think>\s*<answer>(?:(?!</?(?:think|answer)>).)+</answer>\s*", re.DOTALL
)


def well_formed(completion: str) -> bool:
    """Whether a completion is one `<think>…</think>` and then one non-empty `<answer>…</answer>`, and nothing else."""
    return _WELL_FORMED.fullmatch(completion) is not None


class Reward:
    """TRL's reward function. Logs the shares `correct` and `well_formed` of every batch.

    Free-form mathematics is compared in worker processes with a hard timeout, everything else here.
    """

    __name__ = "reward"

    def __init__(self, format_weight: float, needs_workers: bool) -> None:
        self._format_weight = format_weight
        self._grader = Grader() if needs_workers else None

    def __enter__(self) -> Self:
        if self._grader:
            self._grader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._grader:
            self._grader.__exit__(kind, error, trace)

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], log_metric: Any = None, **columns: Any
    ) -> list[float | None]:
        """One reward per completion; `columns` holds the prompt's other columns, repeated for every completion."""
        texts = [completion if isinstance(completion, str) else completion[0]["content"] for completion in completions]
        verdicts = self.verdicts(
            [
                {name: values[i] for name, values in columns.items() if isinstance(values, list)}
                for i in range(len(texts))
            ],
            texts,
        )
        formed = [well_formed(text) for text in texts]
        if log_metric:
            log_metric("correct", sum(v.correct for v in verdicts) / len(texts))
            log_metric("well_formed", sum(formed) / len(texts))
        return [v.correct * (1.0 + self._format_weight * f) for v, f in zip(verdicts, formed, strict=True)]

    def verdicts(self, rows: Sequence[dict[str, Any]], texts: Sequence[str]) -> list[Verdict]:
        """Grade one text per row; a row has the task columns of `mlpo_dataset`."""
        pairs = [(_task(row), text) for row, text in zip(rows, texts, strict=True)]
        if self._grader:
            return self._grader.grade_many(cast(list[tuple[Task, str | None]], pairs))
        return [grade(task, text) for task, text in pairs]


def _task(row: dict[str, Any]) -> Task:
    return Task(
        task_id=row["task_id"],
        benchmark=row["benchmark"],
        subject="",
        split=row["split"],
        question="",
        choices=tuple(row["choices"]),
        answer=row["answer"],
        answer_kind=cast(AnswerKind, row["answer_kind"]),
    )
