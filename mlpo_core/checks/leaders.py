"""Leaders trained by RL: their reward varied, so there was something to learn from, and it is not paid for tricks."""

from collections.abc import Sequence
from typing import NamedTuple

from mlpo_core.checks.finding import Check, Finding, Subject
from mlpo_core.store.schemas import AUDIT, REWARDED

_REWARD, _SPREAD = "reward", "reward_std"
_LEVEL = 0.01
"""A share has grown when chance alone would make it grow so with this probability, over all shares (Bonferroni)."""


def _reward_varies(subject: Subject) -> Finding:
    values: dict[str, list[float]] = {_REWARD: [], _SPREAD: []}
    for row in subject.dataset.rows():
        if row["metric"] in values:
            values[row["metric"]].append(row["value"])
    rewards, spreads = values[_REWARD], values[_SPREAD]
    if not rewards:
        return Finding(passed=False, message="the training log has no reward")
    varies = any(s > 0 for s in spreads) if spreads else max(rewards) > min(rewards)
    message = "rewards differ inside groups" if varies else "every reward was the same: nothing was learned"
    facts: dict[str, int | float | str] = {"first": rewards[0], "last": rewards[-1], "steps logged": len(rewards)}
    return Finding(passed=varies, message=message, facts=facts)


class _Quarter(NamedTuple):
    """The rewarded answers of one evaluation, as the evaluations of a quarter of training have them in the mean."""

    rewarded: int
    suspicious: int


def _no_trick_grows(subject: Subject) -> Finding:
    by_step: dict[int, dict[str, float]] = {}
    for row in subject.dataset.rows():
        if row["metric"] in (REWARDED, *AUDIT):
            by_step.setdefault(row["step"], {})[row["metric"]] = row["value"]
    measured = [by_step[step] for step in sorted(by_step)]
    if len(measured) < 2:
        return Finding(passed=True, message="not audited twice: there is nothing to compare (mlpo.eval_prompts)")
    size = max(1, len(measured) // 4)
    grown: list[str] = []
    facts: dict[str, int | float | str] = {"evaluations": len(measured), "compared": size}
    for name in AUDIT:
        first, last = (_mean(part, name) for part in (measured[:size], measured[-size:]))
        what = name.removeprefix("audit/")
        facts[what] = f"{_of(first)}, then {_of(last)}"
        if (p := _p_of_growth(first, last)) < _LEVEL / len(AUDIT):
            grown.append(f"{what} from {_of(first)} to {_of(last)} (p = {p:.1g})")
    message = (
        f"among the rewarded dev answers more are suspicious at the end: {'; '.join(grown)}. Read some of them before "
        "the accuracy is believed"
        if grown
        else "no suspicious kind of answer is rewarded more at the end than at the beginning"
    )
    return Finding(passed=not grown, message=message, facts=facts)


def _mean(evaluations: Sequence[dict[str, float]], name: str) -> _Quarter:
    rewarded = [evaluation.get(REWARDED, 0.0) for evaluation in evaluations]
    suspicious = [n * evaluation.get(name, 0.0) for n, evaluation in zip(rewarded, evaluations, strict=True)]
    return _Quarter(round(sum(rewarded) / len(evaluations)), round(sum(suspicious) / len(evaluations)))


def _p_of_growth(first: _Quarter, last: _Quarter) -> float:
    """Fisher's exact test, one-sided: how likely a share grows at least so where both quarters are alike."""
    from scipy.stats import hypergeom

    both, suspicious = first.rewarded + last.rewarded, first.suspicious + last.suspicious
    return float(hypergeom.sf(last.suspicious - 1, both, suspicious, last.rewarded)) if last.suspicious else 1.0


def _of(quarter: _Quarter) -> str:
    return f"{quarter.suspicious} of {quarter.rewarded}"


CHECKS = (
    Check("reward_not_constant", "The reward differed between completions of a prompt.", False, _reward_varies),
    Check(
        "no_trick_pays_more",
        "Of the rewarded answers to a fixed sample, not more hedge, repeat the prompt or are cut off at the end.",
        False,
        _no_trick_grows,
    ),
)
