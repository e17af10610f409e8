"""The endpoint with the official client: the same answers as elsewhere, in OpenAI's shapes, and what they cost."""

import asyncio
from collections.abc import Iterator

import httpx
import openai
import pytest

from mlpo_core.serving import Leader
from tests.core.serving import house
from tests.core.serving.endpoint import Running, asking, serving

QUESTION = "sum 4-1+7+2"
TEAM = f"{house.NAME}/mlpo"


@pytest.fixture(scope="module")
def server(leader: Leader) -> Iterator[Running]:
    with serving(leader) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def test_models_are_ways_of_asking(client: openai.OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed == [f"{house.NAME}/{method}" for method in ("mlpo", "mlpo@T=1", "solo", "vote", "adaptive")]
    assert client.models.retrieve(f"{house.NAME}/mlpo@T=2").id.endswith("@T=2")


@pytest.mark.parametrize("method", ["mlpo", "mlpo@T=2", "solo", "vote"])
def test_the_endpoint_writes_what_the_leader_writes(client: openai.OpenAI, leader: Leader, method: str) -> None:
    expected = leader.answer(QUESTION, method=method)
    messages = [{"role": "user", "content": QUESTION}]
    found = client.chat.completions.create(model=f"{house.NAME}/{method}", messages=messages)
    assert found.choices[0].message.content == expected.text
    spent = {name: usage.calls for name, usage in expected.members.items()}
    assert found.usage and {name: member["calls"] for name, member in found.usage.members.items()} == spent
    assert found.usage.completion_tokens == sum(call.completion_tokens for call in expected.calls)


def test_a_stream_is_the_same_text(client: openai.OpenAI, leader: Leader) -> None:
    expected = leader.answer(QUESTION)
    options = {"include_usage": True}
    stream = client.chat.completions.create(**asking(QUESTION, TEAM), stream=True, stream_options=options)
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == expected.text and len([p for p in pieces if p]) > 2
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == expected.finish_reason
    assert chunks[-1].usage.total_tokens == sum(c.prompt_tokens + c.completion_tokens for c in expected.calls)


def test_many_clients_at_once_get_their_own_answers(server: Running, leader: Leader) -> None:
    questions = [f"sum {n}+1+2+3" for n in range(1, 9)]
    expected = [leader.answer(question, method="mlpo@T=1").text for question in questions]

    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            asked = (client.chat.completions.create(**asking(question)) for question in questions)
            return [found.choices[0].message.content for found in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == expected


def test_several_choices_and_a_seed(client: openai.OpenAI, leader: Leader) -> None:
    asked = asking(QUESTION, TEAM, n=2, seed=5, temperature=1.0)
    first, again = (client.chat.completions.create(**asked) for _ in range(2))
    assert [c.message.content for c in first.choices] == [c.message.content for c in again.choices]
    assert first.choices[0].message.content != first.choices[1].message.content
    assert first.usage and first.usage.members["leader"]["calls"] == 2 * leader.rounds


def test_stop_and_max_tokens_end_an_answer(client: openai.OpenAI, leader: Leader) -> None:
    whole = leader.answer(QUESTION, method="solo").text
    stop = whole[3:5]
    for stream in (False, True):
        found = client.chat.completions.create(**asking(QUESTION, f"{house.NAME}/solo", stop=stop), stream=stream)
        text = "".join(c.choices[0].delta.content or "" for c in found) if stream else found.choices[0].message.content
        assert text == whole[: whole.find(stop)]
    short = client.chat.completions.create(**asking(QUESTION, f"{house.NAME}/solo", max_tokens=3))
    assert short.usage and short.usage.completion_tokens == 3 and short.choices[0].finish_reason == "length"


def test_metrics_count_requests_and_tokens(server: Running) -> None:
    counted = f'mlpo_requests_total{{model="{house.NAME}/solo",status="200"}}'
    tokens = f'mlpo_tokens_total{{direction="written",leader="{house.NAME}",member="leader"}}'
    before = server.metric(counted), server.metric(tokens)
    assert server.post(model=f"{house.NAME}/solo").status_code == 200
    assert server.metric(counted) == before[0] + 1 and server.metric(tokens) > before[1]
    assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok", "agents_down": {house.NAME: 0}}
