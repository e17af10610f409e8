"""What these tests view, made once per session."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from mlpo_core.listening.keys import VARIABLE
from mlpo_core.store import Store
from mlpo_core.viewer.app import Viewer
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library
from tests.core.viewer import shelf


@pytest.fixture(scope="session")
def shelved(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two experiments."""
    return shelf.make(tmp_path_factory.mktemp("shelf") / "root")


@pytest.fixture(scope="session")
def client(shelved: Store) -> Iterator[TestClient]:
    """A browser without a screen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        app = Viewer(Library(shelved), Guard("127.0.0.1")).app
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client
