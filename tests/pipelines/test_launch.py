"""Phases in their own process group: how they end, and that nothing of them is left."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest

from pipelines import launch
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure
from tests.support import REPOSITORY, gone, wait_for


def phase(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Let a script stand for `python -m mlpo_core`."""
    script = folder / "phase.py"
    script.write_text(textwrap.dedent(body))
    monkeypatch.setattr(launch, "COMMAND", (sys.executable, str(script)))


def test_exit_code_2_fails_with_the_phases_own_words(workshop: Workshop, monkeypatch) -> None:
    body = """
    from mlpo_core.progress import report_failure, session
    with session():
        report_failure("tasks.0.source: no such folder")
    raise SystemExit(2)
    """
    phase(monkeypatch, workshop.folder, body)
    assert failure(workshop.materialize("tasks")) == "tasks.0.source: no such folder"


def test_exit_code_75_is_retried_and_may_succeed(workshop: Workshop, monkeypatch) -> None:
    monkeypatch.setattr(launch, "FIRST_WAIT_S", 0.01)
    body = f"""
    import pathlib, subprocess, sys
    marker = pathlib.Path({str(workshop.folder / "tried")!r})
    if not marker.exists():
        marker.touch()
        raise SystemExit(75)
    raise SystemExit(subprocess.run([sys.executable, "-m", "mlpo_core", *sys.argv[1:]]).returncode)
    """
    phase(monkeypatch, workshop.folder, body)
    result = workshop.materialize("tasks")
    assert result.success
    assert retries(result) == 1


@pytest.mark.parametrize("code", [1, 2])
def test_other_exit_codes_are_not_retried(workshop: Workshop, monkeypatch, code: int) -> None:
    phase(monkeypatch, workshop.folder, f"raise SystemExit({code})")
    result = workshop.materialize("tasks")
    assert not result.success
    assert retries(result) == 0
    assert f"exit code {code}" in failure(result)


def test_a_killed_phase_is_told_apart(workshop: Workshop, monkeypatch) -> None:
    phase(monkeypatch, workshop.folder, "import os; os.kill(os.getpid(), 9)")
    assert "ran out of memory" in failure(workshop.materialize("tasks"))


def test_children_that_outlive_the_phase_are_ended(workshop: Workshop, monkeypatch) -> None:
    pids = workshop.folder / "pids"
    phase(monkeypatch, workshop.folder, FAMILY.format(pids=str(pids), after="raise SystemExit(2)"))
    assert not workshop.materialize("tasks").success
    assert gone(json.loads(pids.read_text()))


FAMILY = """
import json, os, pathlib, signal, subprocess, sys, time
from mlpo_core.chain.lifeline import hold

hold()
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
child.stdout.readline()
pids = pathlib.Path({pids!r})
pids.with_suffix(".new").write_text(json.dumps([os.getpid(), child.pid]))
pids.with_suffix(".new").rename(pids)
{after}
"""

RUN = """
import sys
import dagster as dg
from pipelines import launch
from pipelines.definitions import defs
from pipelines.partitions import register

launch.COMMAND = (sys.executable, sys.argv[1])
with dg.DagsterInstance.get() as instance:
    register(instance)
    defs.resolve_job_def("experiment_chain").execute_in_process(
        instance=instance, partition_key="votes", asset_selection=[dg.AssetKey("tasks")]
    )
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ending_the_run_ends_the_whole_tree_within_10_seconds(workshop: Workshop, number: signal.Signals) -> None:
    pids = workshop.folder / "pids"
    script = workshop.folder / "phase.py"
    script.write_text(FAMILY.format(pids=str(pids), after="time.sleep(600)"))
    home = workshop.folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(script)],
        env={**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        cwd=workshop.folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(pids.exists, 60, "the phase has started its child")
        tree = json.loads(pids.read_text())
        run.send_signal(number)
        wait_for(lambda: gone(tree), 10, "the whole tree is gone")
        run.wait(60)
    finally:
        run.kill()


def retries(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)
