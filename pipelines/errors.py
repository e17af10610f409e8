"""Bad input becomes one failure with one sentence, never retried; what may pass is retried, with its sentence."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from mlpo_core.errors import BadInput, Transient
from mlpo_core.messages import presentable

RETRIES = 3
WAIT_S = 30.0


@contextmanager
def as_failure() -> Generator[None]:
    """Turn `BadInput` into a Dagster failure that carries its text, and `Transient` into a request to retry."""
    try:
        yield
    except BadInput as error:
        raise dg.Failure(description=presentable(str(error)), allow_retries=False) from None
    except Transient as error:
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=WAIT_S) from error
