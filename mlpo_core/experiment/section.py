"""What the sections of an experiment are made of."""

import os
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic_core import PydanticCustomError

KEYS = "keys"
"""Context of a dump for a version's key: what changes no row is left out."""
IF_SET = "in a key only where it is set"
"""Marks a setting of a `Grown` section: keys from before there was such a setting stay."""
CREDENTIALS = "credentials"
"""Type of an error whose input must not be repeated."""
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_VARIABLES = ("MLPO_DATA_DIR", "HOME")


def _only_allowed_variables(location: str) -> str:
    """Refuse to read just any variable: what it holds ends up in messages and in requests."""
    allowed = {*_VARIABLES, *os.environ.get("MLPO_ALLOWED_VARIABLES", "").replace(",", " ").split()}
    for name in _VARIABLE.findall(location):
        if name not in allowed:
            raise PydanticCustomError(
                "variable",
                "${name} may not be read here: only {allowed} may. List it in the environment variable "
                "MLPO_ALLOWED_VARIABLES if it holds no secret",
                {"name": name, "allowed": ", ".join(sorted(allowed))},
            )
    return location


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
RecordedName = Annotated[str, Field(min_length=1, max_length=200)]
"""An agent as somebody else recorded it, such as `meta/llama-3.1-8b`."""
Location = Annotated[str, AfterValidator(_only_allowed_variables)]
"""A path, URL or model, in which environment variables are expanded: `MLPO_DATA_DIR`, `HOME`, and those that
`$MLPO_ALLOWED_VARIABLES` lists."""


class Section(BaseModel):
    """A part of an experiment. Unknown keys are errors, and so are numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Grown(Section):
    """A section that has got further settings since there are keys; those are marked `IF_SET`."""

    @model_serializer(mode="wrap")
    def _later_settings_where_set(self, dump: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        data = dump(self)
        return self.in_key(data) if info.context == KEYS else data

    @classmethod
    def in_key(cls, data: dict[str, Any]) -> dict[str, Any]:
        """What of the section, as plain data, stands in a key."""
        later = {
            n: f.get_default(call_default_factory=True) for n, f in cls.model_fields.items() if IF_SET in f.metadata
        }
        return {name: value for name, value in data.items() if name not in later or value != later[name]}
