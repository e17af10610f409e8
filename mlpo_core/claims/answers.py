"""Reads the predictions of every point of a sweep, so that any two ways of answering can be put side by side."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from mlpo_core.benchmark.outcomes import Way, check_grading
from mlpo_core.chain.experiments import find
from mlpo_core.chain.spec import versions
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Claims, Experiment
from mlpo_core.experiment.files import axis_values, point, points
from mlpo_core.store import Dataset, Store

_COLUMNS = ("task_id", "method", "seed", "rounds", "correct", "tie", "extracted", "n_correct_shown")


class Answers:
    """Who answered what, at every point that has been made.

    Attributes:
        experiment: The experiment that sweeps.
        claims: What it claims.
        missing: Points whose predictions are not there.
    """

    def __init__(self, experiment: Experiment, claims: Claims, frames: Mapping[str, pd.DataFrame]) -> None:
        """`frames` holds by point the rows of `benchmark_predictions`, with the column `way`."""
        self.experiment, self.claims = experiment, claims
        self._frames = {
            name: {str(way): answers for way, answers in frame.groupby("way", sort=False)}
            for name, frame in frames.items()
        }
        self.missing = [name for name in points(experiment) if name not in frames]

    def of(self, at: Mapping[str, str], way: str, column: str = "correct") -> pd.DataFrame:
        """One column of a way's answers: a row per repetition, a column per task; empty when it was not run.

        Args:
            at: A value on every axis but that of repetitions.
            way: A method, with its T if it has rounds: `mlpo_leader/team T=1`.
            column: Of `benchmark_predictions`, or `empty`: no answer could be read out.
        """
        over = self.claims.over
        found: dict[str, pd.DataFrame] = {}
        for value in axis_values(self.experiment, over):
            frame = self._frames.get(point(self.experiment, {**at, over: value}), {}).get(way)
            if frame is not None:
                found[value] = frame.pivot(index="seed", columns="task_id", values=column)
        return pd.concat(found) if found else pd.DataFrame()

    def ways(self, at: Mapping[str, str]) -> list[str]:
        """The ways that were run at any repetition of a point, in the order of reports."""
        over = self.claims.over
        frames = [
            self._frames.get(point(self.experiment, {**at, over: v}), {}) for v in axis_values(self.experiment, over)
        ]
        return list(dict.fromkeys(way for frame in frames for way in frame))


class Both(NamedTuple):
    """Two ways on the same repetitions and tasks; the frames have the same rows and columns."""

    first: pd.DataFrame
    second: pd.DataFrame


def read_answers(experiment: Experiment, store: Store) -> Answers:
    """Read what has been made of a sweep.

    Raises:
        BadInput: The experiment claims nothing, no point has been made, or points were graded differently.
    """
    if experiment.claims is None:
        raise BadInput(f"{experiment.name}: claims: this experiment has none")
    frames: dict[str, pd.DataFrame] = {}
    datasets: list[Dataset] = []
    for name in points(experiment):
        if ref := versions(find(name), store).get("benchmark_predictions"):
            datasets.append(Dataset(ref))
            frames[name] = _frame(datasets[-1])
    if not frames:
        raise BadInput(
            f"{experiment.name}: no point of its sweep has been made under {store.root}. "
            f"Run: python -m mlpo_core points {experiment.name}"
        )
    check_grading(*datasets)
    return Answers(experiment, experiment.claims, frames)


def both(first: pd.DataFrame, second: pd.DataFrame) -> Both | None:
    """Two ways where both have answers; None when they share no repetition.

    Raises:
        BadInput: They have different tasks.
    """
    rows = first.index.intersection(second.index)
    if rows.empty:
        return None
    if set(first.columns) != set(second.columns):
        raise BadInput("claims: two points have different test tasks: give the tasks a seed of their own (tasks.seed)")
    return Both(first.loc[rows], second.loc[rows, first.columns])


def _frame(predictions: Dataset) -> pd.DataFrame:
    frame: Any = predictions.table(_COLUMNS).to_pandas()
    frame["empty"] = frame.pop("extracted").isna()
    frame["way"] = [str(Way(m, t)) for m, t in zip(frame["method"], frame["rounds"], strict=True)]
    return frame
