"""Count how often checkers fail, and refuse one that does nothing else."""

from collections import Counter
from collections.abc import Iterable, Mapping

from mlpo_core.errors import BadInput
from mlpo_core.progress import log

_ENOUGH = 8
"""Failures without one verdict after which a checker is no checker: a single hostile answer must not end a run."""


class Failures:
    """How often each checker gave a verdict, and how often and why none.

    Args:
        checkers: Import path or entry point by benchmark.
    """

    def __init__(self, checkers: Mapping[str, str]) -> None:
        self._checkers = checkers
        self._verdicts: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = {}

    def count(self, found: Iterable[tuple[str, str]], enough: int = _ENOUGH) -> None:
        """Take what came of some answers: their benchmark, and why there is no verdict (empty where there is one).

        Raises:
            BadInput: At least `enough` answers of a benchmark gave no verdict, and none gave one.
        """
        new: dict[str, Counter[str]] = {}
        for benchmark, reason in found:
            if reason:
                new.setdefault(benchmark, Counter())[reason] += 1
                self._reasons.setdefault(benchmark, Counter())[reason] += 1
            else:
                self._verdicts[benchmark] += 1
        for benchmark, reasons in new.items():
            reason, _ = reasons.most_common(1)[0]
            checker = f"the checker {self._checkers.get(benchmark)} of {benchmark}"
            log(f"{checker} gave no verdict on {reasons.total()} answers, which count as wrong: it {reason}")
        for benchmark, reasons in self._reasons.items():
            if reasons.total() >= enough and not self._verdicts[benchmark]:
                reason, count = reasons.most_common(1)[0]
                raise BadInput(
                    f"tasks: the checker {self._checkers.get(benchmark)} of {benchmark} failed on all "
                    f"{reasons.total()} answers so far: it {reason} ({count} times). It has to return True or False"
                )
