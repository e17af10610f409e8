"""Read one response: the verdict, or what a comparison of free-form mathematics still has to settle."""

from mlpo_core.grading import maths
from mlpo_core.grading.exact import grade_exact
from mlpo_core.grading.json_value import grade_json
from mlpo_core.grading.members import grade_members
from mlpo_core.grading.number import grade_number
from mlpo_core.grading.option import grade_option, listed_options
from mlpo_core.grading.pattern import grade_pattern
from mlpo_core.grading.quantity import grade_quantity
from mlpo_core.types import Task, Verdict


def read(task: Task, response: str | None) -> Verdict | maths.Prepared:
    """Find the answer in a response. Grade it, except where that takes computer algebra: see `worker`."""
    if response is None or not response.strip():
        return Verdict(None, False)
    # Lone surrogates cannot be written to Parquet.
    response = response.encode("utf-8", "replace").decode()
    match task.answer_kind:
        case "option":
            return grade_option(task.answer, task.choices or listed_options(task.question), response, task.question)
        case "number":
            return grade_number(task.answer, response, task.question)
        case "exact":
            return grade_exact(task.answer, response, task.question)
        case "regex":
            return grade_pattern(task.answer, response, task.question)
        case "json":
            return grade_json(task.answer, response)
        case "unit":
            return grade_quantity(task.answer, response, task.question)
        case "set":
            return grade_members(task.answer, response, task.question)
        case "checker" | "tests" | "judge":
            raise ValueError(f"{task.answer_kind}: what is run or asked to grade an answer is not read here")
        case "math":
            prepared = maths.prepare(task.answer, response, task.question)
            return prepared if prepared.correct is None else Verdict(prepared.extracted, prepared.correct)
