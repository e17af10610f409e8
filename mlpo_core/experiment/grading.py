"""`grading`: what is run and asked to grade answers, beside the grader's own code."""

from typing import Annotated, Any

from pydantic import Field

from mlpo_core.experiment.judge import Judge
from mlpo_core.experiment.section import IF_SET, Grown, Name


class Grading(Grown):
    """What of yours, and what that models wrote, may be run to grade, and who judges. From experiment files alone."""

    run_code: bool = False
    """Whether answers that are programs (`answer_kind: tests`) are run, each in a locked process without files and
    network. Nothing that a model wrote is run otherwise. It changes no row, so no version depends on it."""
    checkers: dict[Name, str] = Field(default={})
    """The checker of each benchmark. Filled in from `tasks` when the experiment is read; do not set it."""
    judge: Annotated[Judge | None, IF_SET] = None
    """Who grades tasks of `answer_kind: judge`."""

    @classmethod
    def in_key(cls, data: dict[str, Any]) -> dict[str, Any]:
        """As in every section, without the permission to run code, which changes no row."""
        return {name: value for name, value in super().in_key(data).items() if name != "run_code"}
