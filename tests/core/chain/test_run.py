"""What a phase does with what it finds."""

from pathlib import Path

import pytest

from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.store import Store
from tests import mini_chain


def test_a_pointer_that_cannot_be_read_is_said_and_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, experiment = Store(str(tmp_path)), mini_chain.experiment()
    made = run(resolve("tasks", experiment, store)).ref
    pointer = tmp_path / "experiments" / experiment.name / "tasks.json"
    pointer.write_bytes(b"{")
    again = run(resolve("tasks", experiment, store))
    assert again.reused
    assert again.ref == made == store.pointed(experiment.name, "tasks")
    assert f"{pointer}: not a pointer to a version" in capsys.readouterr().err
