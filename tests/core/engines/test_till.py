"""A paid answer is asked for once: counted at a real server, over deaths, other settings and other processes."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpo_core.engines.openai import OpenAIEngine
from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import EngineConfig
from mlpo_core.store import Store
from mlpo_core.store.answers import Answers
from mlpo_core.types import Generation, Request
from tests.paid_server import PaidServer, paid_server
from tests.support import REPOSITORY, wait_for

SAMPLING = Sampling(0.7, 0.9, 16)
PRICE = {"input": 100.0, "output": 1000.0}
COST = (10 * 100 + 5 * 1000) / 1e6
"""Of one answer of the server."""


@pytest.fixture
def server() -> Iterator[PaidServer]:
    with paid_server() as running:
        yield running


def answers(root: Path, budget: float | None = None, payer: str = "lab") -> Answers:
    return Answers(Store(str(root)), payer, budget)


def ask(
    server: PaidServer, kept: Answers, seeds: Any, sampling: Sampling = SAMPLING, **config: Any
) -> list[Generation]:
    settings = EngineConfig.model_validate({"kind": "openai", "base_url": server.url, **config})
    with OpenAIEngine(settings, "some-model", answers=kept, sleep=lambda _: None) as engine:
        return engine.generate([Request(f"q{seed}", seed) for seed in seeds], sampling)


def test_a_dead_endpoint_after_100_of_140_costs_40(server: PaidServer, tmp_path: Path) -> None:
    server.dies_after = 100
    with pytest.raises(Transient):
        ask(server, answers(tmp_path), range(140), retries=0)
    server.dies_after, server.asked = None, []
    found = ask(server, answers(tmp_path), range(140))
    assert len(server.asked) == 40
    assert [g.text[:10] for g in found] == [f"<answer>{seed}</answer>"[:10] for seed in range(140)]
    assert all(g[1:5] == (10, 0, 5, "stop") and g.amortised_s > 0 for g in found)


@pytest.mark.parametrize(
    "other",
    [
        {"concurrency": 2},
        {"key_variable": "OTHER_API_KEY"},
        {"max_tokens_field": "max_completion_tokens"},
        {"requests_per_minute": 10**6, "tokens_per_minute": 10**9, "timeout_s": 9, "retries": 1},
        {"price": PRICE},
    ],
)
def test_what_changes_no_answer_asks_nothing_again(server: PaidServer, tmp_path: Path, other: dict[str, Any]) -> None:
    first = ask(server, answers(tmp_path), range(5))
    again = ask(server, answers(tmp_path, payer="another"), range(7), **other)
    assert len(server.asked) == 7
    assert [g.text for g in again[:5]] == [g.text for g in first]


@pytest.mark.parametrize(
    "other",
    [{"extra_body": {"top_k": 5}}, {"reasoning_effort": "low"}, {"send_seed": False}, {"sampling": Sampling(0, 1, 16)}],
)
def test_what_changes_the_request_asks_again(server: PaidServer, tmp_path: Path, other: dict[str, Any]) -> None:
    ask(server, answers(tmp_path), range(3))
    ask(server, answers(tmp_path), range(3), **other)
    ask(server, answers(tmp_path), range(3), **other)
    assert len(server.asked) == 6


def test_another_address_asks_nothing_again(server: PaidServer, tmp_path: Path) -> None:
    ask(server, answers(tmp_path), range(3))
    with paid_server() as other:
        ask(other, answers(tmp_path), range(4))
        assert len(other.asked) == 1


def test_samples_stay_apart_where_no_seed_is_sent(server: PaidServer, tmp_path: Path) -> None:
    kept = answers(tmp_path)
    settings = EngineConfig(kind="openai", base_url=server.url, send_seed=False, extra_body={"top_k": 3})
    with OpenAIEngine(settings, "some-model", answers=kept) as engine:
        engine.generate([Request("q", 1), Request("q", 2)], SAMPLING)
    assert len(server.asked) == 2 and all("seed" not in body and body["top_k"] == 3 for body in server.asked)


def test_the_same_request_twice_at_once_is_asked_once(server: PaidServer, tmp_path: Path) -> None:
    found = ask(server, answers(tmp_path), [1, 1, 1, 1, 2])
    assert len(server.asked) == 2 and len({g.text for g in found}) == 2


@pytest.mark.parametrize(
    "reply",
    [
        {"content": None, "refusal": "I cannot help with that."},
        {"error": {"message": "overloaded"}},
        {"choices": [{"message": {"content": "par"}, "finish_reason": "content_filter"}]},
    ],
)
def test_what_is_no_answer_is_not_kept_as_one(server: PaidServer, tmp_path: Path, reply: dict[str, Any]) -> None:
    kept = answers(tmp_path)
    ask(server, kept, [1])
    server.reply = reply
    found = ask(server, kept, [1, 2]) if "content_filter" in str(reply) else None
    with pytest.raises(BadInput) if found is None else _nothing():
        ask(server, kept, [2])
    server.reply = {}
    assert ask(server, kept, [2])[0].text.startswith("<answer>2")


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_money_spent_on_no_answer_counts(server: PaidServer, tmp_path: Path) -> None:
    kept = answers(tmp_path)
    ask(server, kept, [1], price=PRICE)
    server.reply = {"content": None}
    with pytest.raises(BadInput, match="no text"):
        ask(server, kept, [2], price=PRICE)
    assert kept.spent() == pytest.approx(2 * COST)


def test_an_answer_of_reasoning_alone_is_kept_with_it(server: PaidServer, tmp_path: Path) -> None:
    thought = {"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}
    server.reply = {"choices": [thought]}
    for _ in range(2):
        found = ask(server, answers(tmp_path), [1])[0]
        assert (found.text, found.finish_reason) == ("", "length")
    assert len(server.asked) == 1
    assert b'"reasoning": "hm"' in b"".join(p.read_bytes() for p in (tmp_path / "answers").glob("*.answers"))


def test_a_budget_is_never_exceeded_and_what_is_paid_is_kept(server: PaidServer, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lab has spent \$0\.\d+ of \$0.1, so \$0\.0\d+ is left.*raise budget"):
        ask(server, answers(tmp_path, 0.1), range(140), price=PRICE, concurrency=8)
    spent = answers(tmp_path).spent()
    paid = len(server.asked)
    assert spent == pytest.approx(paid * COST)
    assert 0 < spent <= 0.1
    ask(server, answers(tmp_path, 140 * COST + 0.03), range(140), price=PRICE, concurrency=8)
    assert len(server.asked) == 140


def test_stored_answers_cost_no_budget(server: PaidServer, tmp_path: Path) -> None:
    ask(server, answers(tmp_path), range(9), price=PRICE)
    ask(server, answers(tmp_path, 0.0), range(9), price=PRICE)
    assert len(server.asked) == 9


def test_the_time_of_an_answer_is_measured_by_asking(server: PaidServer, tmp_path: Path) -> None:
    settings = EngineConfig(kind="openai", base_url=server.url)
    with OpenAIEngine(settings, "some-model", answers=answers(tmp_path)) as engine:
        engine.generate([Request("q", 1)], SAMPLING)
        with engine.anew():
            engine.generate([Request("q", 1)], SAMPLING)
        engine.generate([Request("q", 1)], SAMPLING)
    assert len(server.asked) == 2


_OTHER = """
import sys
from tests.core.engines.test_till import answers, ask
from tests.paid_server import PaidServer
from pathlib import Path
server = PaidServer()
server.url = sys.argv[1]
budget = float(sys.argv[3]) if len(sys.argv) > 3 else None
price = {"input": 100.0, "output": 1000.0} if budget else None
print(len(ask(server, answers(Path(sys.argv[2]), budget), range(40), concurrency=4, price=price)))
"""


def other_process(server: PaidServer, root: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _OTHER, server.url, str(root), *more]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_at_once_ask_every_request_once_and_kills_lose_nothing(server: PaidServer, tmp_path: Path) -> None:
    server.dies_after = None
    server.gate.clear()
    victim = other_process(server, tmp_path)
    wait_for(lambda: len(server.asked) == 4, 60, "the first process asks")
    several = [threading.Thread(target=ask, args=(server, answers(tmp_path), range(40))) for _ in range(2)]
    for thread in several:
        thread.start()
    server.gate.set()
    wait_for(lambda: server.answered > 12, 60, "answers arrive")
    victim.kill()
    victim.wait()
    for thread in several:
        thread.join()
    lost = len(server.asked) - 40
    assert 0 <= lost <= 4, "at most what the killed process was being told"
    server.asked = []
    ask(server, answers(tmp_path), range(40))
    assert server.asked == []


def test_processes_at_once_keep_one_budget(server: PaidServer, tmp_path: Path) -> None:
    several = [other_process(server, tmp_path, "0.15") for _ in range(2)]
    errors = [process.communicate()[1] for process in several]
    assert all("has spent" in error for error in errors)
    assert 0 < len(server.asked) * COST <= 0.15
    assert len({body["seed"] for body in server.asked}) == len(server.asked)
