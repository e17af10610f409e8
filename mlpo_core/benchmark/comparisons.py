"""Paired tests between methods on the same tasks, corrected for their number (Holm)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlpo_core.benchmark.metric import Metric
from mlpo_core.benchmark.outcomes import Outcomes, Way
from mlpo_core.benchmark.paired import Paired, paired_bootstrap
from mlpo_core.benchmark.statistics import LEVEL, holm, mcnemar
from mlpo_core.types import stable_seed

BETTER, WORSE, UNDECIDED = "better", "worse", "no significant difference"
_REFERENCES = ("mlpo_leader/team", "mlpo_leader/solo", "sft_leader/team", "untrained_leader/team")


class Pair(NamedTuple):
    """One comparison; `against` is what the first is measured against."""

    way: Way
    against: Way


def is_oracle(method: str) -> bool:
    """Whether a method looks at the gold answers of the test: an upper bound, not a competitor."""
    return method == "any_correct" or "oracle" in method


def reference(outcomes: Outcomes) -> str:
    """The method that the report is about: the MLPO leader with its team, or what comes nearest to it.

    Never chosen by its result: without a leader it is the largest vote.
    """
    for method in _REFERENCES:
        if outcomes.rounds(method):
            return method
    methods = [w.method for w in outcomes.answers]
    votes = {int(m.partition("@")[2]): m for m in methods if m.startswith("majority_vote@")}
    return votes[max(votes)] if votes else next((m for m in methods if not is_oracle(m)), methods[0])


def pairs(outcomes: Outcomes, claims: Sequence[tuple[str, str]]) -> tuple[list[Pair], list[tuple[str, str]]]:
    """The comparisons to make, and the claims that cannot be tested because a method was not run.

    A method with rounds is compared at T=1 and at its last T, with the other method at the same T where it has that;
    a claim may also name one T as the report does (`mlpo_leader/team T=1`).

    Args:
        outcomes: All answers.
        claims: Pairs of methods; empty: the reference against every other, and its last T against T=1.
    """
    chosen = reference(outcomes)
    others = [m for m in dict.fromkeys(w.method for w in outcomes.answers) if m != chosen and not is_oracle(m)]
    found: dict[Pair, None] = {}
    untested: list[tuple[str, str]] = []
    for method, against in claims or [(chosen, other) for other in others]:
        ways, rivals = _ways(outcomes, method), _ways(outcomes, against)
        if not ways or not rivals:
            untested.append((method, against))
            continue
        for way in ways:
            same = [r for r in rivals if r.rounds == way.rounds]
            found[Pair(way, same[0] if same else rivals[-1])] = None
    if not claims and len(ways := _ways(outcomes, chosen)) > 1:
        found[Pair(ways[-1], ways[0])] = None
    return [p for p in found if p.way != p.against], untested


def comparisons(
    outcomes: Outcomes, tested: Sequence[Pair], untested: Sequence[tuple[str, str]] = ()
) -> Iterator[Metric]:
    """Differences with intervals, p-values and verdicts; every benchmark's table is one family for Holm."""
    for name, mask in outcomes.parts():
        results = [
            compare(outcomes.answers[p.way].correct[:, mask], outcomes.answers[p.against].correct[:, mask], name, *p)
            for p in tested
        ]
        yield from verdicts("comparison", name, tested, results)
    for method, against in untested:
        yield Metric("comparison", "all", method, "difference", versus=against, note="not tested: a method was not run")


class Compared(NamedTuple):
    """One pair on the same tasks; counts are summed over seeds."""

    paired: Paired
    mcnemar: float | None
    """Exact p-value; None with several seeds, whose rows are not independent."""
    gained: int
    lost: int
    tasks: int

    @property
    def p(self) -> float:
        """What decides: McNemar with one seed, the bootstrap over tasks and seeds with several."""
        return self.paired.p if self.mcnemar is None else self.mcnemar


def compare(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], *names: object) -> Compared:
    """Compare two methods' answers, shape (seeds, tasks); `names` seed the bootstrap."""
    gained, lost = int((first & ~second).sum()), int((~first & second).sum())
    return Compared(
        paired=paired_bootstrap(first, second, stable_seed("bootstrap", *map(str, names))),
        mcnemar=mcnemar(gained, lost) if first.shape[0] == 1 else None,
        gained=gained,
        lost=lost,
        tasks=first.shape[1],
    )


def verdicts(table: str, benchmark: str, tested: Sequence[Pair], results: Sequence[Compared]) -> Iterator[Metric]:
    """The figures of one family of comparisons."""
    for pair, result, corrected in zip(tested, results, holm([r.p for r in results]), strict=True):
        difference, interval, bootstrap_p = result.paired
        verdict = UNDECIDED if corrected >= 1 - LEVEL else BETTER if difference > 0 else WORSE
        values: dict[str, float | None] = {
            "gained": result.gained,
            "lost": result.lost,
            "p_mcnemar": result.mcnemar,
            "p_bootstrap": bootstrap_p,
            "p_holm": corrected,
        }
        found = Metric(
            table,
            benchmark,
            pair.way.method,
            "difference",
            difference,
            *interval,
            n=result.tasks,
            group=pair.way.group,
            versus=str(pair.against),
            note=verdict,
        )
        yield found
        for metric, value in values.items():
            note = "several seeds: rows are not independent" if value is None else ""
            yield found._replace(metric=metric, value=value, low=None, high=None, note=note)


def _ways(outcomes: Outcomes, name: str) -> list[Way]:
    """What a claim's name means: T=1 and the last T of a method, or exactly the T that it names."""
    method, _, rounds = name.partition(" T=")
    ts = outcomes.rounds(method)
    if rounds:
        return [Way(method, t) for t in ts if str(t) == rounds]
    return [Way(method, t) for t in dict.fromkeys((ts[0], ts[-1]))] if ts else []
