"""A group of processes is one that a launcher started, not what an environment happens to hold."""

import pytest

from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.errors import BadInput
from mlpo_core.launching.group import rank
from mlpo_core.store import Store
from tests import mini_chain

TOLD = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What torchrun sets in the second of two processes."""
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_process_of_a_group_knows_its_number(told: pytest.MonkeyPatch) -> None:
    assert rank() == 1
    for name in TOLD:
        told.delenv(name)
    assert rank() is None


@pytest.mark.parametrize("missing", sorted(TOLD))
def test_half_of_what_a_launcher_sets_is_refused(told: pytest.MonkeyPatch, missing: str) -> None:
    told.delenv(missing)
    with pytest.raises(BadInput, match=f"is set, but {missing} is not"):
        rank()


@pytest.mark.parametrize(("number", "size"), [("2", "2"), ("1", "1"), ("-1", "2"), ("one", "2"), ("0", "0")])
def test_numbers_that_cannot_be_are_refused(told: pytest.MonkeyPatch, number: str, size: str) -> None:
    told.setenv("RANK", number)
    told.setenv("WORLD_SIZE", size)
    with pytest.raises(BadInput, match="cannot be"):
        rank()


@pytest.mark.parametrize("kept", [("RANK",), ("RANK", "WORLD_SIZE"), tuple(TOLD)])
def test_nothing_ends_well_without_a_version(told: pytest.MonkeyPatch, kept: tuple[str, ...], tmp_path) -> None:
    for name in TOLD.keys() - set(kept):
        told.delenv(name)
    store = Store(str(tmp_path / "root"))
    with pytest.raises(BadInput, match=r"start this with torchrun|run it without torchrun"):
        run(resolve("tasks", mini_chain.experiment(), store))
    told.delenv("RANK")
    told.delenv("WORLD_SIZE", raising=False)
    made = run(resolve("tasks", mini_chain.experiment(), store)).ref
    told.setenv("RANK", "0")
    assert made and store.find("tasks", made.key) == made
