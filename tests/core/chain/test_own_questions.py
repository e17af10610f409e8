"""From a CSV of sixty questions to a report: two agents behind endpoints of their own, and a leader that is here."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from mlpo_core.cli import main
from mlpo_core.store import Dataset, Store
from tests.core.engines.tiny_models import checkpoint

Asked = list[tuple[str, str]]


def adding(asked: Asked) -> type[BaseHTTPRequestHandler]:
    """An endpoint that adds up what it is asked; the model `careless-1B` is one off for every third sum."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.headers["Authorization"], body["model"]))
            found = re.search(r"(\d+) plus (\d+)", body["messages"][-1]["content"])
            assert found
            total = int(found[1]) + int(found[2])
            total += body["model"] == "careless-1B" and total % 3 == 0
            message = {"role": "assistant", "content": f"<answer>{total}</answer>"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 9, "completion_tokens": 5}
            reply = json.dumps({"choices": [choice], "usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


@pytest.fixture
def endpoint() -> Iterator[Callable[[], tuple[str, Asked]]]:
    """Starts an endpoint; returns its address, and the key and model of every request."""
    servers: list[ThreadingHTTPServer] = []

    def start() -> tuple[str, Asked]:
        asked: Asked = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), adding(asked))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/v1", asked

    yield start
    for server in servers:
        server.shutdown()


@pytest.mark.slow
def test_sixty_questions_become_a_report(
    tmp_path: Path,
    endpoint: Callable[[], tuple[str, Asked]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SURE_API_KEY", "key-of-the-sure-one")
    monkeypatch.setenv("HASTY_API_KEY", "key-of-the-hasty-one")
    (sure, sure_asked), (hasty, hasty_asked) = endpoint(), endpoint()
    rows = "".join(f'"What, please, is {n} plus {7 * n % 40}?",{n + 7 * n % 40},sums\n' for n in range(60))
    (tmp_path / "sums.csv").write_text("ask,result,topic\n" + rows)
    leader = checkpoint(tmp_path / "leader-1M", "llama")

    def agent(name: str, model: str, url: str) -> dict[str, object]:
        remote = {"kind": "openai", "base_url": url, "key_variable": f"{name.upper()}_API_KEY"}
        return {"name": name, "model": model, "engine": remote}

    experiment = {
        "name": "mine",
        "tasks": [{"source": str(tmp_path / "sums.csv"), "fields": {"question": "ask", "answer": "result"}}],
        "team": {"agents": [agent("sure", "exact-1B", sure), agent("hasty", "careless-1B", hasty)]},
        "leader": {"model": str(leader), "max_context": 512, "max_new_tokens": 8, "information": "answers"},
        "proposals": {"samples_per_agent": 2, "benchmark_samples": 2},
        "sft": {"enabled": False},
        "mlpo": {"steps": 1, "prompts_per_step": 2, "group_size": 2, "solo_share": 0},
        "grpo": {"enabled": False},
        "inference": {"rounds": 2},
        "benchmark": {"methods": ["single", "majority_vote", "mlpo_leader"]},
        "engine": {"dtype": "float32"},
    }
    file, root = str(tmp_path / "mine.yaml"), str(tmp_path / "root")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(experiment))
    assert main(["run", file, "--root", root]) == 0
    assert set(sure_asked) == {("Bearer key-of-the-sure-one", "exact-1B")}
    assert set(hasty_asked) == {("Bearer key-of-the-hasty-one", "careless-1B")}
    capsys.readouterr()
    assert main(["report", "--experiment", file, "--root", root]) == 0
    assert "100.0" in capsys.readouterr().out, "the agent that adds right"
    rounds = Store(root).pointed("mine", "team_rounds")
    assert rounds
    assert {row["round"] for row in Dataset(rounds).rows(["round"])} == {0, 1}, "led, and asked again"

    before = len(sure_asked) + len(hasty_asked)
    moved = {"name": "sure", "model": "exact-1B", "engine": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}}
    experiment["team"]["agents"][0] = moved  # type: ignore[index]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(experiment))
    assert main(["run", file, "--root", root]) == 0, "another address asks nothing again"
    assert len(sure_asked) + len(hasty_asked) == before
