"""From a CSV of sixty questions to a report, with agents behind an endpoint."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from mlpo_core.cli import main


class Arithmetic(BaseHTTPRequestHandler):
    """Adds up what it is asked; the model `careless` is one off for every third sum."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = re.search(r"(\d+) plus (\d+)", asked["messages"][-1]["content"])
        assert found
        total = int(found[1]) + int(found[2])
        total += asked["model"] == "careless-1B" and total % 3 == 0
        message = {"role": "assistant", "content": f"<answer>{total}</answer>"}
        body = json.dumps(
            {
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 5},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The address of a server of the above."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Arithmetic)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()


@pytest.mark.slow
def test_sixty_questions_become_a_report(tmp_path: Path, endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    sums = [(n, 7 * n % 40) for n in range(60)]
    rows = "".join(f'"What, please, is {a} plus {b}?",{a + b},sums\n' for a, b in sums)
    (tmp_path / "sums.csv").write_text("ask,result,topic\n" + rows)
    experiment = {
        "name": "mine",
        "tasks": [{"source": str(tmp_path / "sums.csv"), "fields": {"question": "ask", "answer": "result"}}],
        "team": {"agents": [{"name": "sure", "model": "exact-1B"}, {"name": "hasty", "model": "careless-1B"}]},
        "proposals": {"samples_per_agent": 2, "benchmark_samples": 2},
        "benchmark": {"methods": ["single", "majority_vote", "any_correct"]},
        "engine": {"kind": "openai", "base_url": endpoint},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(experiment))
    assert main(["plan", str(tmp_path / "mine.yaml")]) == 0
    assert main(["run", str(tmp_path / "mine.yaml"), "--root", str(tmp_path / "root")]) == 0
    capsys.readouterr()
    assert main(["report", "--experiment", str(tmp_path / "mine.yaml"), "--root", str(tmp_path / "root")]) == 0
    told = capsys.readouterr().out
    assert "100.0" in told, "the agent that adds right"
    [report] = (tmp_path / "root" / "benchmark_report").glob("*/report.md")
    assert "sums" in report.read_text()
