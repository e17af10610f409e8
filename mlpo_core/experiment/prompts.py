"""`prompts`: the texts that models read, where they are not the standard ones."""

from typing import Annotated, Any, Self

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer, model_validator

from mlpo_core.experiment.engine import KEYS
from mlpo_core.experiment.section import Section

LARGEST = 16_384
"""Characters of a template: some thousand words, read by every model for every task."""
_FOLDER = r"^([A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)?$"

Template = Annotated[str, Field(max_length=LARGEST)]


class Prompts(Section):
    """Templates (Jinja2) of one's own for what models read; an empty one is the standard template.

    They come from the experiment's file, never from `--set`. How to write one, and what each may use: Your own prompts.
    """

    folder: Annotated[str, Field(pattern=_FOLDER, max_length=200)] = ""
    """Folder beside the experiment's file with some of `agent.jinja`, `leader.jinja` and so on, named like the settings
    below. What is in the files is in the key, not where they are."""
    agent: Template = ""
    """What an agent reads first."""
    revision: Template = ""
    """What an agent reads when the leader has written."""
    debate: Template = ""
    """What an agent reads when it debates: the others' answers."""
    leader: Template = ""
    """What the leader reads with its team's answers."""
    solo: Template = ""
    """What the leader reads alone."""
    correction: Template = ""
    """What the leader reads that corrects itself (`score_leader`): the task and its first answer."""
    absent: Template = ""
    """What stands under the leader's prompt where some agents did not answer: in a serving team only."""
    connector: Template = ""
    """What joins a wrong attempt to a right one in a trace (`sft.connector: template`)."""
    connector_request: Template = ""
    """What the leader reads to write such a join itself (`sft.connector: model`)."""
    judge: Template = ""
    """What the judge reads (`answer_kind: judge`)."""

    @model_serializer(mode="wrap")
    def _without_what_came_later(self, dump: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        data = dump(self)
        return templates_in_key(data) if info.context == KEYS else data

    @model_validator(mode="after")
    def _folder_was_read(self) -> Self:
        if self.folder and not any(getattr(self, name) for name in NAMES):
            raise ValueError("prompts.folder: a folder is read with the experiment's file: load it from there")
        return self

    def only(self, names: tuple[str, ...]) -> "Prompts":
        """A copy with the templates of these names, and without the place that they came from."""
        return Prompts(**{name: getattr(self, name) for name in names})


NAMES = tuple(name for name in Prompts.model_fields if name != "folder")
"""The templates that there are."""
STANDARD = Prompts()
_LATER = ("correction", "judge")
"""Templates that came after versions had been made: in keys only where they are one's own."""


def templates_in_key(data: dict[str, Any]) -> dict[str, Any]:
    """What of the templates, as plain data, a key covers."""
    return {name: text for name, text in data.items() if text or name not in _LATER}
