"""A short form of `make serve-load`: many clients for some seconds, and no error."""

import asyncio

import pytest

from bench.serving import load
from mlpo_core.serving import Leader
from tests.core.serving.endpoint import serving


@pytest.mark.slow
def test_many_clients_for_some_seconds(leader: Leader) -> None:
    with serving(leader) as server:
        found = asyncio.run(load(f"{server.url}/v1/chat/completions", 32, 5))
        server.calm()
    assert not found.failures and len(found.seconds) >= 32
