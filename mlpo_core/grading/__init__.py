"""Grade responses: read the final answer out of any text, and compare it with the gold answer of its kind.

Nothing that a model wrote is executed. Option, number and text answers are compared here; free-form mathematics in
worker processes that are killed when an answer takes more than its time.
"""

from mlpo_core.grading.infer import infer_kind
from mlpo_core.grading.pool import Grader, grade, self_check

__all__ = ["Grader", "grade", "infer_kind", "self_check"]
