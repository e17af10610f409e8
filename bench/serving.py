"""The endpoint under load, against its engines alone on the same calls.

    python -m bench.serving [--seconds 60] [--clients 32]

A team of small random models, which write up to their limit, behind `mlpo serve` in a process of its own on loopback.
Clients ask `mlpo@T=1` one question after the other and wait for each answer. The other side is the same number of calls
of every agent and the leader, made by the bare engines in batches of as many rows as there are clients, one engine at
a time. Figures are completion tokens per second.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from bench.common import REPOSITORY, Row, parser, publish
from mlpo_core.engines import Sampling, open_engine
from mlpo_core.experiment import EngineConfig
from mlpo_core.types import Request
from tests.core.serving import house

_MODEL = f"{house.NAME}/mlpo@T=1"
_WARM_S = 5.0


class Load(NamedTuple):
    """What clients saw: seconds of every answer, tokens written, failures, and how long it all took."""

    seconds: list[float]
    tokens: int
    failures: list[str]
    took_s: float


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
            question = f"sum {number % 9 + 1}+{turn % 9 + 1}+{turn // 9 % 9 + 1}+1"
            body = {"model": _MODEL, "messages": [{"role": "user", "content": question}]}
            asked = time.monotonic()
            try:
                response = await client.post(url, json=body)
                response.raise_for_status()
            except httpx.HTTPError as error:
                failures.append(repr(error))
                continue
            taken.append(time.monotonic() - asked)
            tokens += response.json()["usage"]["completion_tokens"]

    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=clients)) as client:
        await asyncio.gather(*(ask(client, number) for number in range(clients)))
    return Load(taken, tokens, failures, time.monotonic() - began)


def bare(root: Path, clients: int, rounds: int) -> float:
    """Completion tokens per second of the engines alone: every agent, then the leader, on as many prompts each."""
    config = EngineConfig(dtype="float32")
    settings = house.EXPERIMENT
    agents = Sampling(0.7, 1.0, settings["proposals"]["max_new_tokens"])
    leader = Sampling(0.0, 1.0, settings["leader"]["max_new_tokens"])
    steps: list[tuple[Any, Sampling, str]] = [
        (open_engine(config, str(root / "models" / name)), agents, "sum {}+{}+1+1") for name in house.AGENTS
    ]
    shown = "sum {}+{}+1+1\n1 " + "x" * 16 + "\n2 " + "y" * 16 + "\n3 " + "z" * 16
    steps.append((open_engine(config, str(root / "trained")), leader, shown))
    tokens, began = 0, 0.0
    for turn in range(rounds + 1):
        if turn == 1:  # the first turn warms
            tokens, began = 0, time.monotonic()
        for engine, sampling, prompt in steps:
            requests = [Request(prompt.format(n % 9 + 1, turn % 9 + 1), n) for n in range(clients)]
            tokens += sum(made.completion_tokens for made in engine.generate(requests, sampling))
    took = time.monotonic() - began
    for engine, *_ in steps:
        engine.close()
    return tokens / took


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--seconds", type=float)
    options.add_argument("--clients", type=int, default=32)
    chosen = options.parse_args()
    seconds = chosen.seconds or (60.0 if chosen.long else 20.0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLPO_EXPERIMENTS"] = str(Path(folder) / "experiments")
        made = house.make(Path(folder), width=64)
        before = bare(Path(folder), chosen.clients, 5)
        command = [sys.executable, "-m", "mlpo_core", "serve", house.NAME, "--port", "0"]
        environment = {**os.environ, **made.environment}
        with subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout
            url = f"{server.stdout.readline().split()[0]}/chat/completions"
            process = psutil.Process(server.pid)
            asyncio.run(load(url, chosen.clients, _WARM_S))
            idle = process.memory_info().rss
            found = asyncio.run(load(url, chosen.clients, seconds))
            grown = process.memory_info().rss - idle
            server.terminate()
        after = bare(Path(folder), chosen.clients, 5)
    reference = max(before, after)
    taken = sorted(found.seconds)
    speed = found.tokens / found.took_s
    what = f"endpoint, {chosen.clients} clients × {seconds:.0f} s"
    rows = [
        Row(
            what,
            "the bare engines, in batches of as many rows",
            speed / reference,
            0.9,
            note=f"{speed:.0f} and {reference:.0f} completion tokens/s; {len(taken)} answers, p50 "
            f"{taken[len(taken) // 2]:.2f} s, p95 {taken[int(len(taken) * 0.95)]:.2f} s",
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
    publish("serving", "float32, random models, client and server on the same cores", rows, found._asdict())


if __name__ == "__main__":
    main()
