"""Clients that others wrote, against the endpoint: they are told the leader's own text."""

import asyncio
import json
import subprocess
from collections.abc import Iterator

import openai
import pytest
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelContextWindowExceededError, ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from mlpo_core.serving import Leader
from tests.core.serving import house
from tests.core.serving.endpoint import Running, asking, serving

QUESTION = "sum 4-1+7+2"
MODEL = f"{house.NAME}/mlpo"


@pytest.fixture(scope="module")
def server(leader: Leader) -> Iterator[Running]:
    with serving(leader) as running:
        yield running


@pytest.fixture(scope="module")
def expected(leader: Leader) -> str:
    text = leader.answer(QUESTION).text
    assert len(text) > 2, "else nothing is compared"
    return text


def test_the_official_client_streams_to_a_coroutine(server: Running, expected: str) -> None:
    async def read() -> str:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            chunks = await client.chat.completions.create(**asking(QUESTION, MODEL), stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    assert asyncio.run(read()) == expected


def test_the_official_clients_errors_are_those_of_openai(server: Running) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(**asking(QUESTION, "gpt-4"))
        assert caught.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as long:
            client.chat.completions.create(**asking("x" * 10**6))
        assert long.value.code == "context_length_exceeded"


@pytest.mark.parametrize("stream", [False, True])
def test_curl(server: Running, expected: str, stream: bool) -> None:
    url, data = f"{server.url}/v1/chat/completions", json.dumps(asking(QUESTION, MODEL, stream=stream))
    command = ["curl", "--silent", "--no-buffer", "--max-time", "120", "--json", data, url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if not stream:
        assert json.loads(told)["choices"][0]["message"]["content"] == expected
        return
    events = [line.removeprefix("data: ") for line in told.splitlines() if line]
    assert events.pop() == "[DONE]"
    assert "".join(json.loads(e)["choices"][0]["delta"].get("content", "") for e in events) == expected


def agent(server: Running, model: str, **more: object) -> Agent:
    """An agent of pydantic-ai whose model is a leader with its team."""
    provider = OpenAIProvider(base_url=f"{server.url}/v1", api_key="none")
    return Agent(OpenAIChatModel(model, provider=provider), **more)


def test_an_agent_of_a_framework_is_led(server: Running, expected: str) -> None:
    first = agent(server, MODEL).run_sync(QUESTION)
    assert first.output == expected and first.usage.output_tokens > 0
    with pytest.raises(ModelContextWindowExceededError):  # the framework knows what it is told
        agent(server, MODEL).run_sync("And one more?", message_history=first.all_messages())


def test_an_agent_of_a_framework_is_told_what_no_leader_does(server: Running) -> None:
    def weather(city: str) -> str:
        """The weather in a city."""
        return city

    with pytest.raises(ModelHTTPError, match="unsupported_parameter") as caught:
        agent(server, MODEL, tools=[weather]).run_sync(QUESTION)
    assert caught.value.status_code == 400


def test_an_agent_of_a_framework_hears_what_is_written(server: Running, expected: str) -> None:
    async def read() -> list[str]:
        async with agent(server, MODEL).run_stream(QUESTION) as run:
            return [piece async for piece in run.stream_text(delta=True, debounce_by=None)]

    pieces = asyncio.run(read())
    assert "".join(pieces) == expected and len(pieces) > 2
