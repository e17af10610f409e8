"""`grading`: what is run and asked to grade answers, beside the grader's own code."""

from typing import Any

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

from mlpo_core.experiment.judge import Judge
from mlpo_core.experiment.section import KEYS, Name, Section


class Grading(Section):
    """What of yours, and what that models wrote, may be run to grade, and who judges. From experiment files alone."""

    run_code: bool = False
    """Whether answers that are programs (`answer_kind: tests`) are run, each in a locked process without files and
    network. Nothing that a model wrote is run otherwise. It changes no row, so no version depends on it."""
    checkers: dict[Name, str] = Field(default={})
    """The checker of each benchmark. Filled in from `tasks` when the experiment is read; do not set it."""
    judge: Judge | None = None
    """Who grades tasks of `answer_kind: judge`."""

    @model_serializer(mode="wrap")
    def _without_what_changes_no_row(self, dump: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        data = dump(self)
        if info.context != KEYS:
            return data
        return {k: v for k, v in data.items() if k != "run_code" and not (k == "judge" and v is None)}
