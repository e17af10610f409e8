"""The settings of the engine that generates text: a section of an experiment."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, field_validator, model_serializer
from pydantic_core import PydanticCustomError

from mlpo_core.experiment.section import CREDENTIALS, KEYS, Count, Location, Section

OF_NO_ROW = frozenset(
    {
        "base_url",
        "key_variable",
        "concurrency",
        "recorded",
        "requests_per_minute",
        "tokens_per_minute",
        "timeout_s",
        "retries",
        "max_tokens_field",
        "price",
    }
)
_ONLY_IF_SET = ("extra_body", "reasoning_effort", "send_seed")
"""In a key where they are set: keys from before there were such settings stay."""
_OURS = frozenset(
    {
        "model",
        "messages",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "seed",
        "reasoning_effort",
        "n",
        "stream",
    }
)
"""Fields of a request that have settings of their own, or would change what a reply is."""


class Price(Section):
    """Dollars per million tokens."""

    input: float = Field(ge=0)
    """Of prompts."""
    output: float = Field(ge=0)
    """Of what is written, reasoning included."""

    def dollars(self, prompt_tokens: float, completion_tokens: float) -> float:
        """What so many tokens cost."""
        return (self.input * prompt_tokens + self.output * completion_tokens) / 1e6


class EngineConfig(Section):
    """What generates text. An agent or the leader may have one of its own, which overrides this field by field."""

    kind: Literal["transformers", "vllm", "openai", "recorded"] = "transformers"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_tokens: Count = 65536
    """transformers: rows × (prompt + new tokens) of one batch at most."""
    max_model_len: Count | None = None
    gpu_memory_utilization: float = Field(default=0.9, gt=0, le=1)
    tensor_parallel_size: Count = 1
    base_url: str = ""
    """openai: address of the endpoint. It changes no row, so no version depends on it; nor on `key_variable` and
    `concurrency`."""
    key_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*_API_KEY$", max_length=100)] = "OPENAI_API_KEY"
    """openai: the environment variable that holds the endpoint's key; its name ends with _API_KEY."""
    concurrency: Count = 16
    """openai: requests under way at once."""
    requests_per_minute: Count | None = None
    """openai: sent no faster, by all threads of the engine together."""
    tokens_per_minute: Count | None = None
    """openai: prompt tokens (estimated) and most new tokens of what is sent, no faster than this."""
    timeout_s: float = Field(default=600.0, gt=0, le=86400)
    """openai: seconds that one try may take, from its connection to the last byte of its answer."""
    retries: int = Field(default=5, ge=0, le=100)
    """openai: how often a request is sent again after 408, 409, 429, 5xx, or no connection."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """openai: what the endpoint calls the most tokens of an answer."""
    send_seed: bool = True
    """openai: send each request's seed; off for an endpoint that rejects it."""
    reasoning_effort: Annotated[str, Field(pattern=r"^[a-z]{0,20}$")] = ""
    """openai: sent as `reasoning_effort`, such as `low`; empty sends none."""
    extra_body: dict[str, Any] = Field(default={})
    """openai: further fields of every request, as `{top_k: 20}`. Part of every key, so no place for a secret."""
    price: Price | None = None
    """openai: what its tokens cost. No version depends on it."""
    recorded: Location = ""
    """recorded: folder with `<benchmark>_tasks.jsonl` and `<benchmark>_responses.parquet` (or .jsonl).
    `$MLPO_DATA_DIR` is expanded."""

    @model_serializer(mode="wrap")
    def _without_what_changes_no_row(self, dump: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        data = dump(self)
        return in_key(data) if info.context == KEYS else data

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @field_validator("extra_body")
    @classmethod
    def _of_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_OURS & value.keys()):
            raise ValueError(f"{taken[0]} is no further field: it has a setting of its own, or would change the reply")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"must be what JSON can hold: {error}") from error
        return value

    @field_validator("base_url")
    @classmethod
    def _no_credentials(cls, value: str) -> str:
        if "@" in value:
            raise PydanticCustomError(
                CREDENTIALS, "an address with a user name or password: put the key into OPENAI_API_KEY instead"
            )
        if "?" in value or "#" in value or not value.isprintable() or " " in value:
            raise PydanticCustomError(
                CREDENTIALS, "an address with a query, a fragment or spaces: expected e.g. http://host:8000/v1"
            )
        return value


def in_key(settings: dict[str, Any]) -> dict[str, Any]:
    """What of an engine's settings, as plain data, stands in a version's key."""
    fields = EngineConfig.model_fields
    unset = [name for name in _ONLY_IF_SET if settings.get(name) == fields[name].default]
    return {name: value for name, value in settings.items() if name not in OF_NO_ROW and name not in unset}
