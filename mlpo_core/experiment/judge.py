"""`grading.judge`: the model that grades by a rubric, and how far it has to be trusted."""

from typing import Annotated, Any, Self

from pydantic import (
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from mlpo_core.experiment.engine import KEYS, EngineConfig
from mlpo_core.experiment.section import Count, Location, Section

LARGEST_RUBRIC = 16_384
"""Characters of a rubric: the judge reads it with every answer."""
_BESIDE = r"^([A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)?$"
_ELSEWHERE = ("pretrain:", "pypi:", "recorded:")
_OF_NO_VERDICT = frozenset({"rubric_file", "labelled", "floor", "rewards"})


class Judge(Section):
    """A model that says whether an answer is right, by a rubric: for tasks of `answer_kind: judge`."""

    model: Annotated[Location, Field(min_length=1)]
    """What its endpoint calls it; or a hub id or local folder, for an engine of this machine."""
    revision: str = "main"
    engine: EngineConfig | None = None
    """What of `engine` is different for the judge: `{kind: openai, base_url: …, key_variable: JUDGES_API_KEY}`."""
    rubric: Annotated[str, Field(max_length=LARGEST_RUBRIC)] = ""
    """What makes an answer right, in words: the judge reads it with question, reference answer and answer."""
    rubric_file: Annotated[str, Field(pattern=_BESIDE, max_length=200)] = ""
    """A text file beside the experiment's that holds the rubric, instead of `rubric`. What is in it is in the key."""
    temperature: float = Field(default=0.0, ge=0)
    max_new_tokens: Count = 1024
    """Tokens that a reply may take, a thought before it included."""
    labelled: Location = ""
    """Path or URL of answers that people have graded: JSON lines, CSV or Parquet with the fields `question`, `answer`
    and `right` (1 or 0), and `gold` where the question is none of the experiment's. How far the judge agrees with them
    is measured with the tasks, and stands in the report."""
    floor: float = Field(default=0.6, ge=-1, le=1)
    """The least agreement, Cohen's kappa on `labelled`, at which the judge's verdicts may train a leader."""
    rewards: bool = False
    """Whether its verdicts may train a leader. Filled in when the experiment is read; do not set it."""

    @model_serializer(mode="wrap")
    def _without_what_changes_no_verdict(self, dump: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        data = dump(self)
        return {k: v for k, v in data.items() if k not in _OF_NO_VERDICT} if info.context == KEYS else data

    @field_validator("model")
    @classmethod
    def _is_asked_as_it_is(cls, value: str) -> str:
        if value.startswith(_ELSEWHERE):
            raise ValueError("a judge is what an endpoint serves, a hub id or a local folder")
        return value

    @model_validator(mode="after")
    def _has_a_rubric(self) -> Self:
        if not self.rubric.strip():
            raise ValueError(
                "rubric: say what makes an answer right, or name a file beside the experiment's: rubric_file: FILE"
            )
        return self
