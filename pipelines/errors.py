"""Bad input becomes one failure with one sentence, never retried."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from mlpo_core.errors import BadInput


@contextmanager
def as_failure() -> Generator[None]:
    """Turn `BadInput` into a Dagster failure that carries its text."""
    try:
        yield
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
