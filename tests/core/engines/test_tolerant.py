"""Requests that make an engine fail: recorded one by one, tried a bounded number of times, not blamed in its stead."""

from collections import Counter

import pytest

from mlpo_core.engines.protocol import Sampling
from mlpo_core.engines.tolerant import ATTEMPTS, generate
from mlpo_core.errors import BadInput, Transient
from mlpo_core.types import Request
from tests import mini_chain as chain

SAMPLING = Sampling(0.0, 1.0, 8)
REQUESTS = [Request(f"prompt {n}", n) for n in range(100)]


class Failing(chain.ScriptedEngine):
    """Fails whenever one of the bad seeds is in a call."""

    def __init__(self, bad, error=None):
        super().__init__(lambda request: f"text {request.seed}")
        self.bad, self.failures = set(bad), Counter()
        self.error = error or RuntimeError("device-side assert")

    def generate(self, requests, sampling):
        if found := self.bad & {r.seed for r in requests}:
            self.failures.update(found if len(requests) == 1 else ())
            self.calls.append((list(requests), sampling))
            raise self.error
        return super().generate(requests, sampling)


def test_an_engine_that_does_not_fail_is_called_once():
    engine = Failing([])
    assert not generate(engine, REQUESTS, SAMPLING).errors
    assert len(engine.calls) == 1


@pytest.mark.parametrize("bad", [[0], [99], [3, 4, 70]])
def test_only_the_requests_at_fault_are_recorded_with_their_error(bad):
    engine = Failing(bad)
    answers = generate(engine, REQUESTS, SAMPLING)
    assert answers.errors == dict.fromkeys(bad, "RuntimeError: device-side assert")
    for n, generation in enumerate(answers.generations):
        assert (generation.text, generation.finish_reason) == (("", "error") if n in bad else (f"text {n}", "stop"))
    assert engine.failures == dict.fromkeys(bad, ATTEMPTS)
    assert len(engine.calls) < 60


def test_a_request_that_succeeds_when_tried_again_is_no_error():
    engine = Failing([7])
    forgive = engine.failures.update

    def once(found):
        forgive(found)
        if found:
            engine.bad.clear()

    engine.failures.update = once
    answers = generate(engine, REQUESTS, SAMPLING)
    assert (answers.errors, answers.generations[7].text) == ({}, "text 7")


@pytest.mark.parametrize("count", [1, 3, 100])
def test_a_broken_engine_is_not_the_fault_of_its_requests(count):
    engine = Failing(range(100))
    with pytest.raises(RuntimeError, match="device-side assert"):
        generate(engine, REQUESTS[:count], SAMPLING)
    assert len(engine.calls) <= 32


@pytest.mark.parametrize("error", [BadInput("too long"), Transient("away")])
def test_what_the_engine_knows_to_say_is_not_retried(error):
    engine = Failing([5], error)
    with pytest.raises(type(error)):
        generate(engine, REQUESTS, SAMPLING)
    assert len(engine.calls) == 1
