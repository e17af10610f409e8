"""A run in a container of its own: what it is given, who reaches Docker, and how a dead one is told from a live one."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import docker
import docker.errors
import psutil
import pytest
import yaml
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._daemon.monitoring.run_monitoring import monitor_started_run
from dagster_docker import DockerRunLauncher

from tests.infra.composed import COMPOSE, FOLDER, Composed
from tests.infra.docker_engine import Engine
from tests.infra.workers import again, started
from tests.support import free_port, wait_for

LAUNCHER = yaml.safe_load((FOLDER / "dagster.yaml").read_text())["run_launcher"]["config"]
SERVICES: dict[str, Any] = COMPOSE["services"]
SLEEP = ["sh", "-c", "sleep 600"]


class Yard(NamedTuple):
    engine: Engine
    ports: dict[str, int]
    instance: dg.DagsterInstance
    launcher: DockerRunLauncher

    def run(self) -> dg.DagsterRun:
        """A run that counts as started, in a container that sleeps."""
        run = started(self.instance, SLEEP)
        self.launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        return again(self.instance, run)


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    for name in LAUNCHER["env_vars"]:
        monkeypatch.setenv(name, "" if name == "MLPO_ALLOWED_VARIABLES" else f"the daemon's {name}")
    ports = {"docker-launch": free_port(), "docker-stop": free_port()}
    with (
        closing(Composed(tmp_path, {}, {}).engine(ports)) as engine,
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
    ):
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{ports['docker-launch']}")
        launcher = DockerRunLauncher(**LAUNCHER)
        launcher.register_instance(instance)
        instance._run_launcher = launcher
        yield Yard(engine, ports, instance, launcher)


def test_a_run_is_given_all_that_the_daemon_is_but_the_way_to_docker(yard: Yard) -> None:
    names = set(SERVICES["daemon"]["environment"]) - {"DOCKER_HOST"}
    assert names == set(SERVICES["code"]["environment"]) == set(LAUNCHER["env_vars"])
    assert set(SERVICES["daemon"]["volumes"]) == set(SERVICES["code"]["volumes"])
    yard.run()
    [container] = yard.engine.made
    given = dict(container.environment)
    assert given["MLPO_ROOT"] == "the daemon's MLPO_ROOT" and given["MLPO_ALLOWED_VARIABLES"] == ""
    assert names <= set(given) and "DOCKER_HOST" not in given
    assert not yard.engine.refused


def test_a_variable_of_a_run_is_always_set() -> None:
    assert all(value for value in COMPOSE["x-dagster"]["environment"].values()), "what has no value here would be unset"


def test_a_run_that_is_ended_leaves_nothing(yard: Yard) -> None:
    run = yard.run()
    assert yard.launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    [container] = yard.engine.made
    assert container.processes()
    assert yard.launcher.terminate(run.run_id)
    assert not container.processes()
    assert again(yard.instance, run).status == dg.DagsterRunStatus.CANCELING


def test_a_run_whose_container_is_killed_fails(yard: Yard) -> None:
    run = yard.run()
    monitor(yard, run)
    assert again(yard.instance, run).status == dg.DagsterRunStatus.STARTED, "it lives"
    [container] = yard.engine.made
    assert container.process
    psutil.Process(container.process.pid).kill()
    wait_for(lambda: not yard.engine.listed, 10, "the container is removed")
    monitor(yard, run)
    assert again(yard.instance, run).status == dg.DagsterRunStatus.FAILURE


def monitor(yard: Yard, run: dg.DagsterRun) -> None:
    """What the daemon does every two minutes."""
    record = yard.instance.get_run_record_by_id(run.run_id)
    monitor_started_run(yard.instance, None, record, logging.getLogger("test"))


def test_docker_is_reached_by_two_services_and_does_for_each_what_it_needs(yard: Yard) -> None:
    holders = [name for name, service in SERVICES.items() if "docker.sock" in str(service.get("volumes", ()))]
    assert holders == list(yard.ports)
    for guard, network, user in zip(holders, ("launching", "stopping"), ("daemon", "webserver"), strict=True):
        members = [name for name, service in SERVICES.items() if network in service.get("networks", ())]
        assert sorted(members) == sorted([guard, user]) and COMPOSE["networks"][network]["internal"]
        assert SERVICES[guard]["networks"] == [network] and "ports" not in SERVICES[guard]
        assert f"-allowfrom={user}" in SERVICES[guard]["command"]
    yard.run()
    [container] = yard.engine.made
    for guard in holders:
        with closing(docker.DockerClient(base_url=f"tcp://127.0.0.1:{yard.ports[guard]}")) as client:
            held = client.containers.get(container.id)
            for forbidden in (client.containers.list, client.images.list, held.kill, held.remove, held.logs):
                with pytest.raises(docker.errors.APIError, match="Forbidden"):
                    forbidden()
            with pytest.raises(docker.errors.APIError, match="Forbidden"):
                held.exec_run("id")
            if guard == "docker-stop":
                for forbidden in (held.start, lambda client=client: client.containers.create("mlpo:latest")):
                    with pytest.raises(docker.errors.APIError, match="Forbidden"):
                        forbidden()


def test_a_container_gets_no_folder_of_the_host(yard: Yard) -> None:
    assert any(option.startswith("-allowbindmountfrom=/") for option in SERVICES["docker-launch"]["command"])
    assert "volumes" not in LAUNCHER["container_kwargs"] and "mounts" not in LAUNCHER["container_kwargs"]
