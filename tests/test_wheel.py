"""The wheel, installed outside a checkout: its commands work, and the experiments that it brings are found."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.support import REPOSITORY


@pytest.fixture(scope="module")
def mlpo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of an environment with the built wheel; its libraries are those of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.startswith(("mlpo/", "mlpo_core/", "pipelines/", "experiments/")) or "/" not in name:
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((REPOSITORY / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(folder / "source")], check=True)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--force-reinstall", str(wheel)], check=True)
    return folder / "venv" / "bin" / "mlpo"


def run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in an empty folder, with nothing of this checkout in reach."""
    hidden = ("PYTHONPATH", "MLPO_ROOT", "MLPO_EXPERIMENTS")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run([program, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_wheels_commands_work_outside_a_checkout(mlpo: Path, tmp_path: Path) -> None:
    found = run(mlpo.with_name("python"), tmp_path, "-c", "import mlpo_core; print(mlpo_core.__file__)").stdout
    assert found.startswith(str(mlpo.parents[1])), "the wheel's own code is what runs"
    planned = run(mlpo, tmp_path, "plan", "tiny")
    assert planned.returncode == 0, planned.stderr
    made = run(mlpo, tmp_path, "run", "tiny", "tasks")
    assert made.returncode == 0, made.stderr
    assert "tasks: made" in made.stdout
    assert run(mlpo, tmp_path, "init", "mine").returncode == 0
    assert run(mlpo, tmp_path, "plan", "mine").returncode == 0


@pytest.mark.slow
def test_an_experiment_that_the_wheel_does_not_bring_is_one_clear_line(mlpo: Path, tmp_path: Path) -> None:
    done = run(mlpo, tmp_path, "plan", "absent")
    assert done.returncode == 2
    assert "absent.yaml: no such experiment file" in done.stderr
    assert len(done.stderr.splitlines()) == 1
