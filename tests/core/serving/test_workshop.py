"""Engines in a process of their own: the same answers, what is written while it is written, and the end of it all."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from mlpo_core.engines import Sampling
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.serving import Leader
from mlpo_core.serving.call import Call, make
from mlpo_core.serving.workshop import Ended, Workshop
from mlpo_core.types import Request
from tests.core.serving import house
from tests.core.serving.endpoint import asking, serving
from tests.support import wait_for

QUESTION = "sum 4-1+7+2"


@pytest.fixture(scope="module")
def apart(made_house: house.House) -> Iterator[Leader]:
    """The leader, its models in a process of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
        loaded = Leader.load(house.NAME, made_house.store, apart=True)
    with loaded:
        yield loaded


def workshop(leader: Leader) -> Workshop:
    found = leader._house.team._workshop
    assert found
    return found


def test_answers_are_the_same_and_are_heard_while_they_are_written(apart: Leader, leader: Leader) -> None:
    heard: list[str] = []
    answer, expected = apart.answer(QUESTION, hear=heard.append), leader.answer(QUESTION)
    assert answer.text == expected.text
    assert [call.completion_tokens for call in answer.calls] == [call.completion_tokens for call in expected.calls]
    assert len(heard) > 5 and answer.text.startswith(heard[-1])


def test_who_leaves_and_who_asks_too_much_harm_nobody(apart: Leader) -> None:
    engine = workshop(apart).open(EngineConfig(dtype="float32"), apart._source.leader.model, None, False)
    heard: list[str] = []
    long = Sampling(0.0, 1.0, 400)
    leaving = Call(Request("a", 1), long, lambda text: (heard.append(text), leaving.future.cancel()))
    staying = Call(Request("b", 1), long._replace(max_new_tokens=3), None)
    make(engine, [leaving])
    make(engine, [staying, Call(Request("c" * 9999, 1), staying.sampling, None)])
    assert leaving.future.cancelled() and len(heard) < 400
    assert staying.future.result().completion_tokens <= 3
    with pytest.raises(BadInput, match="absent"):
        workshop(apart).open(EngineConfig(dtype="float32"), "/absent", None, False)


def test_when_the_process_dies_the_endpoint_says_so(apart: Leader) -> None:
    """The last test of this file: nothing can be asked after it."""
    with serving(apart) as server:
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        pid = workshop(apart)._process.pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: apart.ended, 60, "the process ends")
        answer = httpx.post(f"{server.url}/v1/chat/completions", json=asking(QUESTION), timeout=60)
        assert answer.status_code == 503 and "exit code -9" in answer.json()["error"]["message"], answer.text
        assert httpx.get(f"{server.url}/healthz").status_code == 503
    with pytest.raises(Ended):
        workshop(apart).open(EngineConfig(), "/absent", None, False)
