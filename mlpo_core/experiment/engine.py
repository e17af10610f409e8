"""The settings of the engine that generates text: a section of an experiment."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, field_validator, model_serializer
from pydantic_core import PydanticCustomError

from mlpo_core.experiment.section import CREDENTIALS, Count, Location, Section

KEYS = "keys"
"""Context of a dump for a version's key: what changes no row is left out."""
OF_NO_ROW = ("base_url", "key_variable", "concurrency", "recorded")


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
    recorded: Location = ""
    """recorded: folder with `<benchmark>_tasks.jsonl` and `<benchmark>_responses.parquet` (or .jsonl).
    `$MLPO_DATA_DIR` is expanded."""

    @model_serializer(mode="wrap")
    def _without_what_changes_no_row(self, dump: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        data = dump(self)
        return {k: v for k, v in data.items() if k not in OF_NO_ROW} if info.context == KEYS else data

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
