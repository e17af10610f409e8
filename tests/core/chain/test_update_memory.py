"""The formula against PyTorch's memory tracker, over the leader's own forward and backward at the widths of a 7B."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch.testing._internal.distributed.fake_pg import FakeStore

from mlpo_core.chain.dimensions import dimensions
from mlpo_core.chain.update_memory import Update, held
from mlpo_core.training import prefix_attention
from tests.core.training import fake

_7B = dimensions("Qwen/Qwen2.5-7B-Instruct")
LAYERS, PROMPT, ROWS, COMPLETION = 2, 1024, 8, 512


@pytest.fixture
def eight_processes() -> Iterator[None]:
    torch.distributed.init_process_group("fake", rank=0, world_size=8, store=FakeStore())
    yield
    torch.distributed.destroy_process_group()


@pytest.fixture(autouse=True)
def as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    fake.as_triton_does(monkeypatch)
    monkeypatch.setattr(prefix_attention, "_joins", lambda _: False)


def compare(update: Update, shared: bool = True) -> None:
    """Within 15 % in all, and in what a step takes beyond weights, gradients and states."""
    model = fake.qwen(update.model.layers, update.rank, update.checkpointing)
    if update.shards > 1:
        model = fake.sharded(model, update.shards)
    loss = partial(
        fake.grouped if shared else fake.rows, prompt=update.prompt, group=update.rows, completion=update.completion
    )
    measured, expected = fake.peak(model, loss), held(update)
    states = expected.weights + expected.gradients + expected.optimizer
    assert expected.total == pytest.approx(measured, rel=0.15)
    assert expected.total - states == pytest.approx(measured - states, rel=0.15)


def update(rank: int = 0, checkpointing: bool = True, shards: int = 1, layers: int = LAYERS) -> Update:
    return Update(_7B._replace(layers=layers), rank, checkpointing, shards, ROWS, PROMPT, COMPLETION, ROWS)


@pytest.mark.parametrize("rank", [0, 16])
def test_a_step_takes_what_is_planned(rank):
    compare(update(rank))


def test_a_sharded_step_takes_what_is_planned(eight_processes):
    compare(update(shards=8))


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 16])
def test_a_step_that_keeps_its_activations_takes_what_is_planned(rank):
    compare(update(rank, checkpointing=False))


@pytest.mark.slow
@pytest.mark.parametrize(("rank", "checkpointing"), [(0, False), (16, True)])
def test_other_sharded_steps_take_what_is_planned(rank, checkpointing, eight_processes):
    compare(update(rank, checkpointing, shards=8))


@pytest.mark.slow
def test_rows_with_prompts_of_their_own_take_what_is_planned():
    compare(update()._replace(group=1, rows=4), shared=False)


@pytest.mark.long
def test_a_whole_7b_takes_what_is_planned(eight_processes):
    compare(update(layers=28, shards=8))
    compare(update(layers=28))
