"""Grade responses: read the final answer out of any text, and compare it with the gold answer of its kind.

Nothing that a model wrote is executed. Every answer is read and compared in worker processes, where the kernel stops
one that takes more than its processor time: it is `ungraded`, which counts as wrong and is shown.
"""

from mlpo_core.grading import gold
from mlpo_core.grading.infer import infer_kind
from mlpo_core.grading.pool import NOTHING_RUN, Grader, check_allowed, grade, self_check

__all__ = ["NOTHING_RUN", "Grader", "check_allowed", "gold", "grade", "infer_kind", "self_check"]
