"""The settings of the engine that generates text: a section of an experiment."""

from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from mlpo_core.experiment.section import CREDENTIALS, Count, Location, Section


class EngineConfig(Section):
    """What generates text."""

    kind: Literal["transformers", "vllm", "openai", "recorded"] = "transformers"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_tokens: Count = 65536
    """transformers: rows × (prompt + new tokens) of one batch at most."""
    max_model_len: Count | None = None
    gpu_memory_utilization: float = Field(default=0.9, gt=0, le=1)
    tensor_parallel_size: Count = 1
    base_url: str = ""
    """openai: address of the endpoint. The key is read from OPENAI_API_KEY."""
    concurrency: Count = 16
    recorded: Location = ""
    """recorded: folder with `<benchmark>_tasks.jsonl` and `<benchmark>_responses.parquet` (or .jsonl).
    `$MLPO_DATA_DIR` is expanded."""

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
