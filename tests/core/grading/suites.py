"""Agreement with the conventions of public answer checkers, on cases of our own, and where we differ and why.

    python -m tests.core.grading.suites

`suites.jsonl` holds a case a line: the convention's source, benchmark, response, gold answer, what that source gives,
and `reason` where we mean to give something else.
"""

import collections
import json
from pathlib import Path
from typing import Any, NamedTuple

from mlpo_core.grading import Grader, infer_kind
from mlpo_core.grading.option import letter_of
from mlpo_core.types import Task

CASES = Path(__file__).with_name("suites.jsonl")


class Outcome(NamedTuple):
    """A case and what we give for it."""

    case: dict[str, Any]
    correct: bool

    @property
    def agrees(self) -> bool:
        """Whether we give what the source gives."""
        return self.correct == self.case["theirs"]


def outcomes() -> list[Outcome]:
    """Every case, graded."""
    cases = [json.loads(line) for line in CASES.read_text().split("\n") if line]
    with Grader() as grader:
        verdicts = grader.grade_many([(_task(case), case["response"]) for case in cases])
    return [Outcome(case, verdict.correct) for case, verdict in zip(cases, verdicts, strict=True)]


def _task(case: dict[str, Any]) -> Task:
    choices = tuple(case.get("choices", ()))
    kind = infer_kind(case["benchmark"], case["answer"], choices)
    gold = (letter_of(case["answer"], choices) or case["answer"]) if kind == "option" else case["answer"]
    return Task("", case["benchmark"], "", "test", case.get("question", ""), choices, gold, kind)


def main() -> None:
    """Print agreement by source, and every disagreement with its reason."""
    counted: dict[str, collections.Counter[bool]] = collections.defaultdict(collections.Counter)
    found = outcomes()
    for outcome in found:
        counted[outcome.case["source"]][outcome.agrees] += 1
    print("| source of the convention | cases | agreed |\n|---|---|---|")
    for source, agreed in counted.items():
        print(f"| {source} | {agreed.total()} | {agreed[True]} |")
    print("\n| source | response | gold | theirs | ours | why |\n|---|---|---|---|---|---|")
    for case, correct in (outcome for outcome in found if not outcome.agrees):
        words = (case["source"], f"`{case['response']!r}`", f"`{case['answer']}`", case["theirs"], correct)
        print("| " + " | ".join(map(str, words)) + f" | {case.get('reason', 'UNEXPLAINED')} |")


if __name__ == "__main__":
    main()
