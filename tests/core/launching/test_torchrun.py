"""`launcher: torchrun` through the command that everybody runs: two processes give one process's leader."""

import pytest

from mlpo_core.chain.run import run
from mlpo_core.errors import BadInput
from mlpo_core.launching.phase import PROCESSES, wanted_processes
from tests.core.launching import phases


@pytest.mark.slow
def test_two_processes_train_the_leader_of_one(tmp_path):
    run(phases.sft(tmp_path, "one"))
    process = phases.start(tmp_path, phases.sft(tmp_path, "two", launcher="torchrun"), MLPO_PROCESSES="2")
    _, output = process.communicate(timeout=500)
    assert process.returncode == 0, output
    assert "training in 2 processes" in output
    phases.assert_trained_alike(tmp_path, "one", "two")


@pytest.mark.slow
def test_what_a_process_refuses_is_bad_input_of_the_phase(tmp_path):
    spec = phases.sft(tmp_path, "refused", launcher="torchrun", sft={"batch_size": 3})
    process = phases.start(tmp_path, spec, MLPO_PROCESSES="2")
    _, output = process.communicate(timeout=500)
    assert process.returncode == 2, output
    assert "does not divide the 3 rows" in output


def test_the_number_of_processes_is_checked(monkeypatch):
    assert wanted_processes(4) == 4
    monkeypatch.setenv(PROCESSES, "2")
    assert wanted_processes(4) == 2
    monkeypatch.setenv(PROCESSES, "two")
    with pytest.raises(BadInput, match=r"MLPO_PROCESSES=two: expected the number"):
        wanted_processes(4)
