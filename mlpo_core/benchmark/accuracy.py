"""Accuracy of every method: with intervals, over seeds, by subject, and averaged as the benchmarks define it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.outcomes import Answers, Outcomes, Way
from mlpo_core.benchmark.statistics import macro_interval, seed_interval, wilson

MACRO = {"bbh": 27, "mmlu": 57}
"""Benchmarks whose result is an unweighted mean over their subjects, and how many subjects they have."""
ONE_SEED = "one seed: no seed interval"


def accuracy(outcomes: Outcomes) -> Iterator[Metric]:
    """Share of right answers per method and benchmark, over seeds, and the shares of ties and of empty answers.

    Votes also have the accuracy that is expected over the draws of their ties: what the drawn one owes to no luck.
    """
    for way, answers in outcomes.answers.items():
        for name, mask in outcomes.parts():
            yield _share("accuracy", name, way, answers, mask)
            yield _over_seeds(name, way, answers, mask)
            if answers.chance is not None:
                share, n = float(answers.chance[:, mask].mean()), int(mask.sum())
                yield Metric("accuracy", name, way.method, "expected_accuracy", share, n=n, group=way.group)
        for metric, flags in (("tie_share", answers.tie), ("no_answer_share", answers.empty)):
            share = float(flags.mean())
            yield Metric("accuracy", ALL, way.method, metric, share, n=answers.count, group=way.group)


def subjects(outcomes: Outcomes) -> Iterator[Metric]:
    """Accuracy by subject, and macro averages."""
    for name, mask in outcomes.parts():
        if name == ALL:
            continue
        found = sorted(set(outcomes.subjects[mask].tolist()))
        masks = [mask & (outcomes.subjects == subject) for subject in found]
        for way, answers in outcomes.answers.items():
            for subject, of_subject in zip(found, masks, strict=True):
                yield _share("subject", name, way, answers, of_subject, subject)
            if name in MACRO:
                yield _macro(name, way, answers, masks)


def interval_of(correct: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Accuracy and its Wilson interval over tasks.

    Answers of several seeds to one task are not independent, so n is the number of tasks and not of rows, and the
    count of right ones is the mean over seeds, rounded.
    """
    tasks = correct.shape[1]
    low, high = wilson(round(float(correct.sum()) / correct.shape[0]), tasks)
    return float(correct.mean()), low, high


def _share(
    table: str, benchmark: str, way: Way, answers: Answers, mask: npt.NDArray[np.bool_], subject: str = ""
) -> Metric:
    value, low, high = interval_of(answers.correct[:, mask])
    group = " | ".join(part for part in (subject, way.group) if part)
    return Metric(table, benchmark, way.method, "accuracy", value, low, high, n=int(mask.sum()), group=group)


def _over_seeds(benchmark: str, way: Way, answers: Answers, mask: npt.NDArray[np.bool_]) -> Metric:
    per_seed = answers.correct[:, mask].mean(axis=1).tolist()
    found = seed_interval(per_seed)
    return Metric(
        "accuracy",
        benchmark,
        way.method,
        "accuracy_over_seeds",
        float(np.mean(per_seed)),
        *(found or (None, None)),
        n=len(per_seed),
        group=way.group,
        note="" if found else ONE_SEED,
    )


def _macro(benchmark: str, way: Way, answers: Answers, masks: list[npt.NDArray[np.bool_]]) -> Metric:
    per_task = answers.correct.mean(axis=0)
    groups = [per_task[m].tolist() for m in masks]
    found = macro_interval(groups)
    notes = [] if len(groups) == MACRO[benchmark] else [f"{len(groups)} of {MACRO[benchmark]} subjects"]
    notes += [] if found else ["no interval: a subject has a single task"]
    return Metric(
        "macro",
        benchmark,
        way.method,
        "macro_accuracy",
        float(np.mean([np.mean(g) for g in groups])),
        *(found or (None, None)),
        n=len(groups),
        group=way.group,
        note="; ".join(notes),
    )
