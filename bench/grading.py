"""Seconds to grade 10,000 MATH answers: `Grader` against `math-verify` in a plain loop, and whether verdicts agree.

    python -m bench.grading [--answers 10000]

With `MLPO_DATA_DIR` the golds are those of the published MATH test file, elsewhere generated expressions. Half of the
responses state the gold answer in another way where there is one, half that of another task. Both sides read the same
`\\boxed{…}`; nearly no two comparisons are equal, so remembering equal ones does not help here, as it does in a team's
thousands of samples per task.
"""

import json
import logging
import os
import random
import time
from pathlib import Path

from bench.common import Row, parser, publish
from mlpo_core.grading import Grader
from mlpo_core.tasks.math import last_boxed
from mlpo_core.types import Task


def golds(count: int) -> tuple[list[str], str]:
    """Gold answers, and where they are from."""
    if folder := os.environ.get("MLPO_DATA_DIR"):
        file = Path(folder) / "math" / "MATH_test.jsonl"
        found = [last_boxed(json.loads(line)["solution"]) for line in file.read_text().splitlines()]
        return [gold for gold in found if gold][:count], "the published MATH test answers"
    rng = random.Random(0)
    forms = (
        r"\frac{%d}{%d}",
        r"%d\sqrt{%d}",
        "%d+%di",
        "(%d,%d)",
        "[%d,%d)",
        "x^2+%dx-%d",
        r"%d^{%d}",
        r"%d-\sqrt{%d}",
    )
    # rising, because two intervals that run backwards are both empty: equal for math-verify, and not for us
    made = [rng.choice(forms) % tuple(sorted(rng.sample(range(2, 99), 2))) for _ in range(count)]
    return made, "generated answers of eight forms"


def restated(gold: str) -> str:
    """The same value, written otherwise."""
    if r"\left" in gold:
        return gold.replace(r"\frac", r"\dfrac")
    return gold.replace(r"\frac", r"\dfrac").replace("(", r"\left(").replace(")", r"\right)")


def plain(pairs: list[tuple[Task, str]]) -> list[bool]:
    """What its documentation shows, in a loop."""
    from math_verify import parse, verify

    return [verify(parse(f"${task.answer}$"), parse(response)) for task, response in pairs]


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--answers", type=int)
    chosen = options.parse_args()
    logging.disable(logging.WARNING)
    count = chosen.answers or (50_000 if chosen.long else 10_000)
    known, origin = golds(count // 2)
    rng = random.Random(1)
    tasks = [Task(str(i), "math", "", "test", "", (), gold, "math") for i, gold in enumerate(known)]
    said = [(task, restated(task.answer)) for task in tasks] + [(task, rng.choice(known)) for task in tasks]
    pairs = [(task, rf"So the answer is $\boxed{{{answer}}}$.") for task, answer in said]
    pairs = [pairs[i % len(pairs)] for i in range(count)]
    rng.shuffle(pairs)
    plain(pairs[:20])
    began = time.perf_counter()
    expected = plain(pairs)
    middle = time.perf_counter()
    with Grader(chosen.threads) as grader:  # cold: its workers' start counts
        verdicts = [verdict.correct for verdict in grader.grade_many(pairs)]
    ended = time.perf_counter()
    different = [
        {"gold": task.answer, "response": response, "ours": ours, "math-verify": theirs}
        for (task, response), ours, theirs in zip(pairs, verdicts, expected, strict=True)
        if ours != theirs
    ]
    what = f"grading {len(pairs):,} MATH answers"
    rows = [
        Row(
            *(what, "`math-verify` in a plain loop", (middle - began) / (ended - middle), 1.8),
            note=f"{middle - began:.1f} s and {ended - middle:.1f} s; {origin}; workers' start included",
        ),
        Row(
            *(f"{what}: different verdicts", "the same", len(different) / len(pairs), 0.001, ""),
            at_most=True,
            note=f"{len(different)} answers, listed in results/grading.json",
        ),
    ]
    publish("grading", f"{chosen.threads} worker processes, one thread each", rows, different)


if __name__ == "__main__":
    main()
