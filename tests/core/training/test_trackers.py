"""`trackers`: transformers' own callbacks are told what the log holds, and nothing of it is in the version."""

from dataclasses import replace

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.experiment.config import OPERATION
from mlpo_core.experiment.trackers import Tracker, require
from mlpo_core.experiment.trusted import overridden
from mlpo_core.store import Dataset, Origin
from mlpo_core.training import mlpo
from tests.core.training import small


def test_all_that_transformers_reports_to_can_be_named():
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    assert set(Tracker.__args__) == set(INTEGRATION_TO_CALLBACK)


def test_one_that_is_not_installed_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setattr("mlpo_core.experiment.trackers.find_spec", lambda _: None)
    with pytest.raises(
        BadInput, match=r"trackers: wandb is not installed where this runs: pip install 'mlpo\[wandb\]'"
    ):
        require(["wandb"])
    with pytest.raises(BadInput, match="pip install flytekit"):
        require(["flyte"])
    require(["kubeflow"])
    require([])


def test_only_the_file_sets_them_and_no_key_holds_them():
    assert "trackers" in OPERATION
    with pytest.raises(BadInput, match=r"--set trackers=.*only the experiment's file sets it"):
        overridden({}, ["trackers=[wandb]"])
    with pytest.raises(BadInput, match=r"trackers\.0"):
        small.experiment(trackers=["wandbb"])


def followed(inputs, tracker):
    """A training that a tracker was told of: its log by metric and step, and the name of the run."""
    experiment = small.experiment(mlpo={"steps": 3, "eval_steps": 1, "save_steps": 50})
    ctx = replace(inputs.context("mlpo_leader", experiment), trackers=(tracker,))
    mlpo.run(ctx)
    ctx.writer.commit(Origin({}, {}, {}, {}), {})
    made = Dataset(ctx.store.find("mlpo_leader", ctx.writer.key))
    log = {}
    for row in made.rows():
        log.setdefault(row["metric"], {})[row["step"]] = row["value"]
    assert not [name for name in made.manifest.files if "runs" in name or "event" in name]
    return log, f"mlpo_leader-{ctx.writer.key[:8]}"


TOLD = ("loss", "reward", "learning_rate", "entropy", "dev/team/correct", "seconds")


def test_tensorboard_reads_the_figures_of_a_training(inputs, lenient_grading, tmp_path, monkeypatch):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "runs"))
    log, run = followed(inputs, "tensorboard")
    events = accumulator.EventAccumulator(str(tmp_path / "runs" / "test" / run))
    events.Reload()
    for name in TOLD:
        told = {e.step: e.value for e in events.Scalars(f"train/{name}")}
        assert told == pytest.approx({step: value for step, value in log[name].items() if step}, rel=1e-5), name


def test_wandb_writes_a_run_while_it_is_offline(inputs, lenient_grading, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    followed(inputs, "wandb")
    [written] = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    data = written.read_bytes()
    assert b"dev/team/correct" in data and b"mlpo_leader" in data
