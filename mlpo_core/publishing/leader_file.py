"""`leader.json`: what a published leader was trained to lead, and how. Read back, it is a stranger's file.

It holds no path, no address and no variable: nothing in it reaches another file, host or secret of whoever loads it.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.section import Count, Name, Seed
from mlpo_core.experiment.team import ChatTemplate, SystemPrompt

NAME = "leader.json"
_LARGEST = 1 << 20
_Text = Annotated[str, Field(max_length=20_000)]
_Word = Annotated[str, Field(max_length=300)]
_Temperature = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineUsed(_Part):
    """With what a model was run here."""

    kind: Literal["transformers", "vllm"] = "transformers"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: Count | None = None


class Member(_Part):
    """An agent of the team.

    Attributes:
        name: Its name.
        where: `hub`: a model of the Hugging Face hub; `root`: a checkpoint of the root in which the leader was trained;
            `elsewhere`: an endpoint's model, or recorded responses.
        model: Its name there. Of a local folder only the last part.
        revision: The hub's commit, or a digest.
        prompt: Its own instruction; empty for the usual one.
        system_prompt: Its system message.
        chat_template: Further arguments of its chat template.
        temperature: Its own; None for the proposals'.
        engine: With what it was run.
    """

    name: Name
    where: Literal["hub", "root", "elsewhere"]
    model: _Word
    revision: _Word = ""
    prompt: _Text = ""
    system_prompt: SystemPrompt = ""
    chat_template: ChatTemplate = {}
    temperature: _Temperature | None = None
    engine: EngineUsed = EngineUsed()


class Sampling(_Part):
    """How the agents' first answers were sampled."""

    temperature: _Temperature
    top_p: Annotated[float, Field(gt=0, le=1)]
    max_new_tokens: Count


class Rounds(_Part):
    """T, and the temperatures in later rounds: the leader's and the agents'."""

    rounds: Annotated[int, Field(ge=1, le=1000)]
    temperature: _Temperature
    agent_temperature: _Temperature


class Reading(_Part):
    """What the leader is shown of an answer, in which order, and how long it may read and write, in tokens."""

    information: Literal["full", "answers", "tail", "votes"]
    tail_chars: Count
    max_context: Count
    max_new_tokens: Count
    seats: Literal["fixed", "shuffled"] = "fixed"
    system_prompt: SystemPrompt = ""
    chat_template: ChatTemplate = {}
    engine: EngineUsed = EngineUsed()


class Stopping(_Part):
    """When `mlpo_leader/adaptive` stops (`mlpo_core.methods.adaptive.Policy`)."""

    first: Annotated[int, Field(ge=0, le=1000)]
    agree: Annotated[int, Field(ge=0, le=1001)]


class BaseVersion(_Part):
    """The version of `base_models` that holds the team's checkpoints."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LeaderFile(_Part):
    """What stands in `leader.json`; the settings are named as in an experiment."""

    format: Literal[1] = 1
    experiment: Annotated[str, Field(max_length=240)]
    seed: Seed
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=1000)]
    form: Literal["weights", "adapter"]
    compact: bool
    """Whether it reads the short questions of the miniature models."""
    leader: Reading
    team: Annotated[tuple[Member, ...], Field(min_length=1, max_length=1000)]
    base_models: BaseVersion
    proposals: Sampling
    inference: Rounds
    stop: Stopping | None = None
    prompts: dict[_Word, _Text]
    """The texts that leader and agents read, with names in braces where a task and answers stand."""
    versions: dict[_Word, _Word]
    """Code and libraries that trained it."""

    def settings(self) -> Experiment:
        """An experiment with these settings, whose tasks and models nobody reads.

        Raises:
            BadInput: They are no valid experiment.
        """
        tasks: dict[str, Any] = {"benchmark": "procedural", "train": 0, "dev": 0, "test": 0}
        engines = {member.name: member.engine.model_dump() for member in self.team}
        raw: dict[str, Any] = {
            "name": self.experiment,
            "seed": self.seed,
            "tasks": [tasks if self.compact else {"benchmark": "mmlu"}],
            "team": {
                "agents": [
                    {"name": m.name, "model": m.name, "engine": engines[m.name]}
                    | m.model_dump(include={"prompt", "system_prompt", "chat_template", "temperature"})
                    for m in self.team
                ]
            },
            "leader": {"model": "leader", **self.leader.model_dump()},
            "proposals": self.proposals.model_dump(),
            "inference": self.inference.model_dump(),
            "benchmark": {"methods": ["single"], "seeds": self.seeds},
        }
        try:
            return Experiment.model_validate(raw)
        except ValidationError as error:
            raise BadInput(f"{NAME}: not the settings of a leader: {_first(error)}") from error


def read(folder: Path) -> LeaderFile:
    """The file of a published folder.

    Raises:
        BadInput: There is none, or it is not what we write.
    """
    path = folder / NAME
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise BadInput(f"{folder}: no published leader: {NAME} cannot be read ({error.strerror})") from error
    if len(data) > _LARGEST:
        raise BadInput(f"{path}: larger than {_LARGEST} bytes, which no {NAME} of ours is")
    try:
        return LeaderFile.model_validate_json(data)
    except (ValidationError, RecursionError) as error:
        what = _first(error) if isinstance(error, ValidationError) else "nested too deep"
        raise BadInput(f"{path}: not what this version of mlpo writes or reads: {what}") from error


def _first(error: ValidationError) -> str:
    """The first thing that is wrong; what stands there is not repeated."""
    found = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, found['loc']))[:200] or 'the file'}: {found['msg'][:300]}"
