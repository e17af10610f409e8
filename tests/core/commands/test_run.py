"""`mlpo run`: a whole chain or one asset, from a name or a file anywhere, with settings of its own."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlpo_core.chain.experiments import read
from mlpo_core.cli import main
from mlpo_core.store import Store
from tests.support import REPOSITORY, wait_for

RECORDED = {
    "name": "lab",
    "tasks": [{"benchmark": "procedural", "subjects": ["chain_sum"], "train": 6, "dev": 2, "test": 3}],
    "team": {"agents": [{"name": "alpha", "model": "pretrain:llama"}]},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An experiment in a folder that is no folder of experiments."""
    path = tmp_path / "elsewhere" / "lab.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(RECORDED))
    return path


def test_one_asset_of_a_file_anywhere(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(tmp_path / "root")
    assert main(["run", str(file), "tasks", "--root", root]) == 0
    assert "tasks: made" in capsys.readouterr().out
    assert main(["run", "tasks", "--experiment", str(file), "--root", root]) == 0
    assert "tasks: reused" in capsys.readouterr().out


def test_a_run_with_other_settings_moves_no_pointer(file: Path, tmp_path: Path, capsys) -> None:
    root = str(tmp_path / "root")
    assert main(["run", str(file), "tasks", "--root", root]) == 0
    assert main(["run", str(file), "tasks", "--root", root, "--set", "tasks.0.train=5"]) == 0
    assert main(["run", str(file), "tasks", "--root", root, "--set", "tasks.0.train=4"]) == 0
    store = Store(root)
    keys = {name: ref.key for name in ("lab", "lab--tasks.0.train=5") if (ref := store.pointed(name, "tasks"))}
    assert len(set(keys.values())) == 2
    capsys.readouterr()
    assert main(["prune", "--hours", "0", "--root", root, "--yes"]) == 0
    assert len(list((tmp_path / "root" / "tasks").iterdir())) == 3


def test_a_missing_input_is_told_with_a_command_that_works(file: Path, tmp_path: Path, capsys) -> None:
    given = ["--set", "tasks.0.train=5", "--root", str(tmp_path / "a root")]
    assert main(["run", str(file), "base_models", *given]) == 2
    [told] = capsys.readouterr().err.splitlines()
    command = shlex.split(told.partition(" Run: ")[2])
    assert command == ["mlpo", "run", str(file), "tasks", *given]
    assert main(command[1:]) == 0


def test_long_settings_get_a_short_name(file: Path) -> None:
    name = read(str(file), ("description=" + "x" * 300, "team.agents.0.model=org/model")).name
    assert name.startswith("lab--set=")
    assert len(name) < 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "run needs an EXPERIMENT"),
        (["tiny", "leader"], "'leader' is no asset. Assets: tasks, "),
        (["absent"], "absent.yaml: no such experiment file"),
        (["no/such/file.yaml"], "no/such/file.yaml: no such experiment file"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(arguments: list[str], said: str, capsys) -> None:
    assert main(["run", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_ctrl_c_ends_with_a_line_that_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mlpo_core", "run", "tiny", "--root", str(tmp_path)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # background jobs ignore it
    )
    wait_for(lambda: any(tmp_path.glob("tasks*/*")), 120, "the first phase has begun")
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in error
    assert "Traceback" not in error
