"""From a CSV of sixty questions to a report: two agents behind endpoints of their own, a third and the leader that are
here, a checker and a template of one's own; killed on the way, it asks nothing again."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from mlpo_core.cli import main
from mlpo_core.store import Dataset, Store
from tests.core.engines.tiny_models import checkpoint

Asked = list[tuple[str, str, str]]
"""Key, model and whole body of every request."""
AT_ONCE = 2
CHECKER = """
def is_right(task, answer):
    return answer is not None and answer.strip().isdigit() and int(answer) == int(task.answer)
"""
TEMPLATE = "Add up, please.\n{{ question }}\nEnd with <answer>the sum</answer>."


def adding(asked: Asked) -> type[BaseHTTPRequestHandler]:
    """An endpoint that adds up what it is asked; the model `careless-1B` is one off for every third sum."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            body = json.loads(raw)
            asked.append((self.headers["Authorization"], body["model"], raw))
            time.sleep(0.02)
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
    (tmp_path / "my_checks.py").write_text(CHECKER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "agent.jinja").write_text(TEMPLATE)

    def agent(name: str, model: str, url: str) -> dict[str, object]:
        remote = {"kind": "openai", "base_url": url, "key_variable": f"{name.upper()}_API_KEY", "concurrency": AT_ONCE}
        return {"name": name, "model": model, "engine": remote}

    here = {"name": "here", "model": str(checkpoint(tmp_path / "agent-1M", "llama"))}
    source = {"source": str(tmp_path / "sums.csv"), "fields": {"question": "ask", "answer": "result"}}
    experiment = {
        "name": "mine",
        "tasks": [{**source, "checker": "my_checks:is_right"}],
        "prompts": {"folder": "prompts"},
        "team": {"agents": [agent("sure", "exact-1B", sure), agent("hasty", "careless-1B", hasty), here]},
        "leader": {
            "model": str(checkpoint(tmp_path / "leader-1M", "llama")),
            "max_context": 512,
            "max_new_tokens": 8,
            "information": "answers",
        },
        "proposals": {"samples_per_agent": 2, "benchmark_samples": 2, "max_new_tokens": 16},
        "sft": {"enabled": False},
        "mlpo": {"steps": 1, "prompts_per_step": 2, "group_size": 2, "solo_share": 0},
        "grpo": {"enabled": False},
        "inference": {"rounds": 2},
        "benchmark": {"methods": ["single", "majority_vote", "mlpo_leader"]},
        "engine": {"dtype": "float32"},
    }
    file, root = str(tmp_path / "mine.yaml"), str(tmp_path / "root")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(experiment))
    command = [sys.executable, "-m", "mlpo_core", "run", file, "--root", root]
    killed = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while len(sure_asked) + len(hasty_asked) < 40:
        assert killed.poll() is None, "it ended before anything was asked"
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert main(["run", file, "--root", root]) == 0
    assert {asked[:2] for asked in sure_asked} == {("Bearer key-of-the-sure-one", "exact-1B")}
    assert {asked[:2] for asked in hasty_asked} == {("Bearer key-of-the-hasty-one", "careless-1B")}
    twice = Counter(body for _, _, body in [*sure_asked, *hasty_asked])
    assert sum(n - 1 for n in twice.values()) <= 2 * AT_ONCE, "what was under way when it was killed, and no more"
    assert any(json.loads(body)["messages"][0]["content"].startswith("Add up, please.") for body in twice)
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
