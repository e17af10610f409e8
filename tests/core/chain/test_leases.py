"""While a phase runs, what it reads and writes is marked as in use."""

from pathlib import Path
from typing import Any

import pytest

from mlpo_core.chain.keys import key
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.context import Context
from mlpo_core.errors import Transient
from mlpo_core.proposals import filtering
from mlpo_core.store import Store
from mlpo_core.store.leases import LEASES, in_use
from tests import mini_chain


def test_a_phase_leases_its_inputs_and_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, experiment = Store(str(tmp_path)), mini_chain.experiment()
    tasks = run(resolve("tasks", experiment, store)).ref
    assert tasks
    proposals = mini_chain.put(store, "agent_proposals", [mini_chain.proposal(mini_chain.task(0), "alpha", 0, "0")])
    spec = resolve("tasks", experiment, store)
    spec = spec.model_copy(update={"asset": "hard_tasks", "inputs": {"agent_proposals": proposals.ref}, "code": ""})
    spec = type(spec).model_validate(spec.model_dump())
    seen: set[tuple[str, str]] = set()

    def look(context: Context) -> dict[str, Any]:
        seen.update(in_use(store.folder))
        raise Transient("for now")

    monkeypatch.setattr(filtering, "run", look)
    with pytest.raises(Transient):
        run(spec)
    assert seen == {("agent_proposals", "k"), ("hard_tasks", key("hard_tasks", spec.source))}
    assert list((tmp_path / LEASES).iterdir()) == [], "given back, however the phase ended"
