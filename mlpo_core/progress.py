"""Progress of long work: a bar on a terminal, log messages through Dagster Pipes under Dagster."""

import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

from mlpo_core.messages import presentable

T = TypeVar("T")
_INTERVAL_S = 5.0


@contextmanager
def session() -> Generator[None]:
    """Spans a command, so that Dagster hears when it began and how it ended."""
    if not under_pipes():
        yield
        return
    from dagster_pipes import open_dagster_pipes

    with open_dagster_pipes():
        yield


def report_failure(message: str) -> None:
    """Hand the reason of a failure that needs no traceback to whoever launched this process."""
    if under_pipes():
        _pipes().report_custom_message({"failure": presentable(message)})


def log(message: str) -> None:
    """One line for whoever watches."""
    message = presentable(message)
    if under_pipes():
        _pipes().log.info(message)
    else:
        tqdm.write(message, file=sys.stderr)


def say(text: str) -> None:
    """A command's result, on standard output, without what a terminal would obey."""
    print(presentable(text), flush=True)


def track(items: Iterable[T], label: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Yield `items`, showing how far they are."""
    if not under_pipes():
        yield from tqdm(items, desc=label, total=total, unit=unit, file=sys.stderr, mininterval=0.5)
        return
    started = last = time.monotonic()
    count = 0
    for count, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= _INTERVAL_S:
            last = now
            rate = count / (now - started)
            of, left = (f"/{total}", f", {(total - count) / rate:.0f} s left") if total else ("", "")
            log(f"{label}: {count}{of} {unit}, {rate:.1f} {unit}/s{left}")
    log(f"{label}: {count} {unit} in {time.monotonic() - started:.1f} s")


def under_pipes() -> bool:
    """Whether this process talks to Dagster: it was launched by it, and is the first of those that train together."""
    return "DAGSTER_PIPES_CONTEXT" in os.environ and os.environ.get("RANK", "0") == "0"


def _pipes():  # noqa: ANN202 - the type is Dagster Pipes' own
    from dagster_pipes import PipesContext, open_dagster_pipes

    if not PipesContext.is_initialized():
        open_dagster_pipes()
    return PipesContext.get()
