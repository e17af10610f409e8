"""The reward of a leader's completion: correctness, plus a small format term that counts only beside it.

`reward = correct × (marked + format_weight × well_formed)`, plus what an experiment adds of its own
(`mlpo_core.training.terms`), where `marked` is 1 for an answer in `<answer>` and a half
for one read out of the whole text. Left to itself a format bonus would give an all-wrong group non-zero advantages, and
the leader would be taught tags instead of answers: here such a group scores zero throughout and is exactly without
signal. What is not rewarded, and why: docs/decisions/rewards.md.
"""

from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, cast

from mlpo_core.experiment import Grading
from mlpo_core.grading import NOTHING_RUN, Grader, grade
from mlpo_core.grading.pool import Judging
from mlpo_core.judging.rows import judged_rows
from mlpo_core.prompts import chat
from mlpo_core.tasks import task_of
from mlpo_core.training.answer_region import Region, answer_region, well_formed
from mlpo_core.training.terms import Completion, Terms
from mlpo_core.types import Judgement, Task, Verdict, stable_id

_UNMARKED = 0.5
"""What a right answer outside of `<answer>` is worth: enough to learn from, never as much as one in its place."""


class Judged(NamedTuple):
    """What the reward found in a completion."""

    region: Region
    correct: bool
    well_formed: bool
    reward: float
    own: tuple[float, ...] = ()
    """What the experiment's own terms give, before their weights."""
    terms: tuple[tuple[str, float], ...] = ()
    """What each term adds to the reward, by name; nothing where a completion that was cut off is penalised."""
    said: Judgement | None = None
    """What a model said of it, where one judges the answers."""


class Scored(NamedTuple):
    """A completion of a training step, with what the reward found in it."""

    text: str
    tokens: int
    cut_off: bool
    judged: Judged


class Reward:
    """TRL's reward function. Logs the shares `correct` and `well_formed` of every batch, and the means of own terms.

    Free-form mathematics is compared in worker processes with a hard timeout, everything else here.

    Args:
        terms: What counts, and how much.
        needs_workers: Whether a task may be of a kind that takes a library or code to compare.
        opening: The `<think>` that the leader's chat template opens, put back before a completion is judged.
        truncated: `penalise` gives nothing to a completion that was cut off at the length limit.
        ends: Token ids one of which a completion ends in that was not cut off; needed to penalise.
        grading: What may be run to grade.
        judge: Who judges, where the experiment names somebody.
        keep: Is given the rows of what was judged.

    Attributes:
        scored: What the last call of a training step has judged, in its order.
    """

    scored: Sequence[Scored] = ()
    __name__ = "reward"

    def __init__(
        self,
        terms: Terms,
        needs_workers: bool,
        opening: str = "",
        truncated: Literal["keep", "mask", "penalise"] = "keep",
        ends: Collection[int] = (),
        grading: Grading = NOTHING_RUN,
        judge: Judging | None = None,
        keep: Callable[[list[dict[str, Any]]], None] | None = None,
    ) -> None:
        self._terms = terms
        self._grader = Grader(grading=grading, judge=judge) if needs_workers else None
        self._keep = keep
        self._opening = opening
        self._penalises = truncated == "penalise"
        self._ends = frozenset(ends)

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
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        log_metric: Any = None,
        completion_ids: Sequence[Sequence[int]] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One reward per completion; `columns` holds the prompt's other columns, repeated for every completion."""
        texts = [completion if isinstance(completion, str) else completion[0]["content"] for completion in completions]
        rows = [
            {name: values[i] for name, values in columns.items() if isinstance(values, list)} for i in range(len(texts))
        ]
        cut_off = [self.is_cut_off(ids) for ids in completion_ids] if completion_ids else [False] * len(texts)
        judged = self.judge(rows, texts, cut_off)
        whole = [chat.restored(self._opening, text) for text in texts]
        lengths = [len(ids) for ids in completion_ids or [()] * len(texts)]
        self.scored = [Scored(*found) for found in zip(whole, lengths, cut_off, judged, strict=True)]
        if log_metric:
            log_metric("correct", sum(j.correct for j in judged) / len(texts))
            log_metric("well_formed", sum(j.well_formed for j in judged) / len(texts))
            for i, metric in enumerate(self._terms.metrics):
                log_metric(metric, sum(j.own[i] for j in judged) / len(texts))
            if said := [j.said for j in judged if j.said]:
                log_metric("judge/no_verdict", sum(bool(one.failure) for one in said) / len(said))
                log_metric("judge/calls", sum(one.calls for one in said))
                log_metric("judge/tokens", sum(one.prompt_tokens + one.completion_tokens for one in said))
                log_metric("judge/dollars", sum(one.dollars for one in said))
        return [j.reward for j in judged]

    def is_cut_off(self, ids: Sequence[int]) -> bool:
        """Whether the tokens of a completion stop without a token that ends it, as TRL tells it."""
        return bool(self._ends) and (not ids or ids[-1] not in self._ends)

    def judge(self, rows: Sequence[dict[str, Any]], texts: Sequence[str], cut_off: Sequence[bool]) -> list[Judged]:
        """What is found in one completion per row.

        Args:
            rows: With the task columns of `mlpo_dataset`.
            texts: What the leader wrote, as it was decoded.
            cut_off: Whether it was cut off at the length limit.
        """
        whole = [chat.restored(self._opening, text) for text in texts]
        regions = [answer_region(text) for text in whole]
        tasks = [task_of(row) for row in rows]
        verdicts = self._graded(tasks, [region.response for region in regions])
        formed = [well_formed(text) for text in whole]
        found = zip(tasks, rows, whole, regions, verdicts, formed, cut_off, strict=True)
        completions = [
            Completion(task, row["mode"], text, region.text, region.marked, verdict.correct, form, cut)
            for task, row, text, region, verdict, form, cut in found
        ]
        own = self._terms.own_values(completions)
        return [
            self._judged(region, completion, values)._replace(said=verdict.judged)
            for region, completion, values, verdict in zip(regions, completions, own, verdicts, strict=True)
        ]

    def _judged(self, region: Region, completion: Completion, own: tuple[float, ...]) -> Judged:
        terms: tuple[tuple[str, float], ...] = ()
        worth = 0.0
        if not (completion.cut_off and self._penalises):
            right = completion.correct * self._terms.correct * (1.0 if completion.marked else _UNMARKED)
            formed = completion.correct * self._terms.format * completion.well_formed
            added = [(o.name, o.weight * value) for o, value in zip(self._terms.own, own, strict=True)]
            built_in = (("correct", right, self._terms.correct), ("format", formed, self._terms.format))
            terms = (*((name, value) for name, value, weight in built_in if weight), *added)
            worth = sum((value for _, value in added), start=right + formed)
        return Judged(region, completion.correct, completion.well_formed, worth, own, terms)

    def _graded(self, tasks: Sequence[Task], responses: Sequence[str]) -> list[Verdict]:
        pairs = list(zip(tasks, responses, strict=True))
        if not self._grader:
            return [grade(task, response) for task, response in pairs]
        verdicts = self._grader.grade_many(cast(list[tuple[Task, str | None]], pairs))
        if self._keep:
            ids = [stable_id(task.task_id, response) for task, response in pairs]
            self._keep(judged_rows(ids, tasks, verdicts))
        return verdicts
