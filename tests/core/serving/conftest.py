"""The experiment that these tests serve, made once per session."""

from collections.abc import Iterator

import pytest

from mlpo_core.serving import Leader
from tests.core.serving import house


@pytest.fixture(scope="session")
def made_house(tmp_path_factory: pytest.TempPathFactory) -> house.House:
    """The experiment."""
    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPO_EXPERIMENTS", str(folder / "experiments"))
        return house.make(folder)


@pytest.fixture(scope="session")
def leader(made_house: house.House) -> Iterator[Leader]:
    """Its leader with its team, loaded. What the environment says for that is said to nobody else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
        loaded = Leader.load(house.NAME, made_house.store)
    with loaded:
        yield loaded
