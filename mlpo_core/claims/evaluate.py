"""Tests every claim on the same tasks and seeds, and corrects the p-values of all of them together (Holm)."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlpo_core.benchmark.accuracy import interval_of
from mlpo_core.benchmark.paired import paired_bootstrap
from mlpo_core.benchmark.statistics import LEVEL, holm, mcnemar
from mlpo_core.claims.answers import Answers, both
from mlpo_core.experiment import Claim
from mlpo_core.experiment.files import axis_values
from mlpo_core.types import stable_seed

HOLDS, FAILS, OPEN, NOT_RUN = "holds", "fails", "not shown", "not run"


def evaluate(answers: Answers) -> pd.DataFrame:
    """One row per claim, rival and team.

    Columns: `id`, `says`, `by` (value of the axis `claims.by`), `method`, `against`, `where`; `repetitions` and `n`
    (answers per method that count); `accuracy`, `rival`, `difference` with `low` and `high`; `p_mcnemar` (exact, one
    per repetition); `p` (bootstrap over tasks and repetitions) and `p_holm` (over all rows); `verdict`.
    """
    rows = [
        {**_named(claim, by, against), **_tested(answers, claim, by, against)}
        for claim in answers.claims.tests
        for by in axis_values(answers.experiment, answers.claims.by)
        for against in claim.against
    ]
    table = pd.DataFrame(rows)
    tested = table["p"].notna()
    table["p_holm"] = np.nan
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].tolist())
    significant = table["p_holm"] < 1 - LEVEL
    above = table["difference"] > -table["margin"]
    table["verdict"] = np.select([~tested, significant & above, significant], [NOT_RUN, HOLDS, FAILS], default=OPEN)
    return table


def together(table: pd.DataFrame) -> pd.DataFrame:
    """The verdict on every claim as a whole, by `id` (rows) and team (columns): it holds when all of its tests do."""
    return table.pivot_table(index="id", columns="by", values="verdict", aggfunc=_joined, sort=False)


def accuracies(answers: Answers) -> pd.DataFrame:
    """Every way at every point, over repetitions.

    Columns: `by`, `point` (values on the remaining axes), `way`, `accuracy` with `low` and `high` (Wilson over tasks),
    `each` (accuracy of every repetition), `tie` (share of answers that a tie was drawn for).
    """
    return pd.DataFrame(_accuracies(answers))


def claimed(answers: Answers) -> pd.DataFrame:
    """What the claims are about, once each: `by`, `point` and `way` as in `accuracies`, and a `label` for both."""
    claims = answers.claims
    about = [
        (name, differs)
        for claim in claims.tests
        for name, differs in [(claim.method, claim.of), *((against, claim.than) for against in claim.against)]
    ]
    rows = [
        {"by": by, "point": _point(answers, {**claims.at, **differs}), "way": way, "label": named(way, differs)}
        for by in axis_values(answers.experiment, claims.by)
        for way, differs in about
    ]
    return pd.DataFrame(rows).drop_duplicates()


def named(way: str, differs: Mapping[str, str]) -> str:
    """A way with the point that it is read at, where that is not the usual one."""
    return f"{way} ({', '.join(differs.values())})" if differs else way


def _named(claim: Claim, by: str, against: str) -> dict[str, Any]:
    return {
        "id": claim.id,
        "says": claim.says,
        "by": by,
        "method": named(claim.method, claim.of),
        "against": named(against, claim.than),
        "where": claim.where,
        "margin": claim.margin,
    }


def _tested(answers: Answers, claim: Claim, by: str, against: str) -> dict[str, Any]:
    claims = answers.claims
    base = {**claims.at, claims.by: by}
    pair = both(answers.of({**base, **claim.of}, claim.method), answers.of({**base, **claim.than}, against))
    where = _where(answers, claim, base, pair.first) if pair else None
    if pair is None or where is None or not where.any():
        return {"repetitions": 0, "n": 0, "p": np.nan, "difference": np.nan}
    first, second = (frame.to_numpy(dtype=bool) for frame in pair)
    seed = stable_seed("claim", claim.id, by, claim.method, against, claim.where)
    found = paired_bootstrap(first, second, seed, where=where, null=-claim.margin)
    gained, lost = ((a & ~b & where).sum(axis=1).tolist() for a, b in ((first, second), (second, first)))
    return {
        "repetitions": len(first),
        "n": int(where.sum()),
        "accuracy": float(first[where].mean()),
        "rival": float(second[where].mean()),
        "difference": found.difference,
        "low": found.interval.low,
        "high": found.interval.high,
        "p_mcnemar": [mcnemar(g, n) for g, n in zip(gained, lost, strict=True)],
        "p": found.p,
    }


def _where(answers: Answers, claim: Claim, base: Mapping[str, str], like: pd.DataFrame) -> npt.NDArray[np.bool_] | None:
    """Which answers count, of the shape of `like`; None when the vote of K was not run for all of them."""
    if claim.where == "all":
        return np.ones(like.shape, dtype=np.bool_)
    vote = f"majority_vote@{answers.experiment.k}"
    correct, tie, empty, shown = (answers.of(base, vote, c) for c in ("correct", "tie", "empty", "n_correct_shown"))
    if not like.index.isin(correct.index).all():
        return None
    wrong = ~(correct.astype(bool) | tie.astype(bool) | empty.astype(bool))
    mask = wrong if claim.where == "wrong_majority" else shown == 0
    return mask.loc[like.index, like.columns].to_numpy(dtype=bool)


def _accuracies(answers: Answers) -> Iterator[dict[str, Any]]:
    claims, experiment = answers.claims, answers.experiment
    rest = _rest(answers)
    for by in axis_values(experiment, claims.by):
        for chosen in product(*(axis_values(experiment, axis) for axis in rest)):
            at = dict(zip(rest, chosen, strict=True))
            for way in answers.ways({**at, claims.by: by}):
                correct, tie = (answers.of({**at, claims.by: by}, way, c) for c in ("correct", "tie"))
                accuracy, low, high = interval_of(correct.to_numpy(dtype=bool))
                yield {
                    "by": by,
                    "point": _point(answers, at),
                    "way": way,
                    "accuracy": accuracy,
                    "low": low,
                    "high": high,
                    "each": correct.astype(float).mean(axis=1).tolist(),
                    "tie": float(tie.to_numpy(dtype=float).mean()),
                }


def _rest(answers: Answers) -> list[str]:
    """The axes that are neither columns nor repetitions."""
    return [axis for axis in answers.experiment.sweep if axis not in (answers.claims.by, answers.claims.over)]


def _point(answers: Answers, at: Mapping[str, str]) -> str:
    return ", ".join(at[axis] for axis in _rest(answers))


def _joined(verdicts: pd.Series) -> str:
    return next((v for v in (FAILS, NOT_RUN, OPEN) if (verdicts == v).any()), HOLDS)
