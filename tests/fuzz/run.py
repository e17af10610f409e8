"""Attack one parser for some seconds, in a process of its own with limits: `python -m tests.fuzz.run TARGET …`.

What is parsed stands in a file while it is parsed, so that an input that ends the process is known too.
"""

import argparse
import hashlib
import importlib
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz.target import Target

TARGETS = ("experiment", "manifest", "parquet", "responses", "extraction")
CPU_S = 20
"""Processor time of one input at most; what takes a second on a quiet machine is far from it."""
MEMORY = 2 << 30
"""Address space beyond what the process has before its first input."""
_ROUND = 200
_SHOWN = 3000
"""Characters of a traceback: what hypothesis adds repeats the input, which is in its file."""


class Overrun(Exception):
    """An input took more processor time than any may."""


class Result(NamedTuple):
    """What a run of a target came to.

    Attributes:
        target: Its name.
        examples: Inputs that were parsed.
        seconds: Wall time, without imports.
        failures: What was raised, by the file that holds the smallest input that does it.
    """

    target: str
    examples: int
    seconds: float
    failures: dict[str, str]


def attack(name: str, folder: Path, seconds: float, start: int) -> Result:
    """Attack a parser.

    Args:
        name: One of `TARGETS`.
        folder: Where failing inputs and the examples of hypothesis are kept: a later run tries those first.
        seconds: Wall time; an input that failed is made smaller beyond it.
        start: Decides what is tried.
    """
    began = time.monotonic()
    failures: dict[str, str] = {}
    counted = 0
    with tempfile.TemporaryDirectory() as scratch:
        target: Target = importlib.import_module(f"tests.fuzz.{name}").prepare(Path(scratch))
        check = _limited(target.check, current(folder, name))
        database = DirectoryBasedExampleDatabase(folder / "examples" / name)
        while time.monotonic() < began + seconds and not failures:
            tried, failure = _round(name, target, check, database, began + seconds, start + counted)
            counted += tried
            if failure:
                data, text = failure
                path = folder / "failures" / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                failures[str(path)] = text
    current(folder, name).unlink(missing_ok=True)
    return Result(name, counted, time.monotonic() - began, failures)


def current(folder: Path, name: str) -> Path:
    """The file that holds the input which is being parsed."""
    return folder / f"{name}.current"


def _round(
    name: str,
    target: Target,
    check: Callable[[bytes], None],
    database: DirectoryBasedExampleDatabase,
    until: float,
    start: int,
) -> tuple[int, tuple[bytes, str] | None]:
    """One call of hypothesis: how many inputs it tried, and the smallest that failed."""
    tried, last = 0, b""
    failing = False

    @seed(start)
    @settings(
        max_examples=_ROUND,
        database=database,
        deadline=None,
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def one(data: bytes) -> None:
        nonlocal tried, last, failing
        if time.monotonic() > until and not failing:
            return
        tried += 1
        try:
            check(data)
        except BaseException:
            last, failing = data, True
            raise

    one.hypothesis.inner_test.__qualname__ = name  # type: ignore[attr-defined]
    try:
        one()
    except Exception:
        return tried, (last, traceback.format_exc(limit=-6)[:_SHOWN])
    return tried, None


def _limited(check: Callable[[bytes], None], file: Path) -> Callable[[bytes], None]:
    def overrun(*_: object) -> None:
        raise Overrun(f"more than {CPU_S} s of processor time")

    signal.signal(signal.SIGPROF, overrun)
    file.parent.mkdir(parents=True, exist_ok=True)

    def limited(data: bytes) -> None:
        file.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        try:
            check(data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    return limited


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> int:
    """Print a `Result` as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    importlib.import_module(f"tests.fuzz.{options.target}")
    _limit_memory()
    result = attack(options.target, options.folder.absolute(), options.seconds, options.seed)
    print(json.dumps(result._asdict()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
