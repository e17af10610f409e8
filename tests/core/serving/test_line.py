"""Many who ask one engine: together, apart, and no longer."""

from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.serving.line import Line
from mlpo_core.serving.turns import Turns
from mlpo_core.types import Request
from tests.core.serving import house

SAMPLING = Sampling(1.0, 1.0, 200)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = house.checkpoint(tmp_path_factory.mktemp("model"), "llama", 0, 32)
    with open_engine(EngineConfig(dtype="float32"), folder) as opened:
        yield opened


@pytest.fixture
def line(engine: Engine) -> Iterator[Line]:
    turns = Turns()
    yield Line(engine, turns)
    turns.close()


def test_one_that_cannot_be_answered_leaves_the_others_alone(line: Line, engine: Engine) -> None:
    asked = [line.ask(Request(prompt, 1), SAMPLING._replace(max_new_tokens=9)) for prompt in ("a", "b" * 9999, "c")]
    with pytest.raises(BadInput):
        asked[1].result()
    expected = engine.generate([Request("a", 1), Request("c", 1)], SAMPLING._replace(max_new_tokens=9))
    assert [asked[0].result().text, asked[2].result().text] == [made.text for made in expected]


def test_a_generation_that_nobody_waits_for_ends(line: Line) -> None:
    heard: list[str] = []

    def leave(text: str) -> None:
        heard.append(text)
        asked.cancel()

    first = line.ask(Request("a", 1), SAMPLING._replace(max_new_tokens=2))
    asked = line.ask(Request("a", 1), SAMPLING, leave)
    first.result()
    with pytest.raises(CancelledError):
        asked.result()
    assert line.ask(Request("b", 1), SAMPLING._replace(max_new_tokens=2)).result().completion_tokens > 0
    assert len(heard) == 1
