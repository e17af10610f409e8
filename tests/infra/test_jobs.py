"""A run as a job on Kubernetes: what dagster.yaml makes of it, and what each pod asks of Kubernetes for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import dagster as dg
import pytest
import yaml
from dagster._config import process_config
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster_k8s import K8sRunLauncher
from kubernetes.client.rest import ApiException, RESTClientObject

from tests.infra.composed import FOLDER as COMPOSE
from tests.infra.test_kubernetes import DOCUMENTS, named, pod, pods, validate
from tests.infra.workers import again, started

BY_NAME = {named(document): document for document in DOCUMENTS}
SETTINGS = yaml.safe_load(BY_NAME["ConfigMap-dagster-instance"]["data"]["dagster.yaml"])
CONFIG = SETTINGS["run_launcher"]["config"]
RUNNING = {
    "metadata": {"name": "pod"},
    "spec": {"containers": [{"name": "dagster"}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {"name": "dagster", "image": "", "imageID": "", "ready": True, "restartCount": 0, "state": {"running": {}}}
        ],
    },
}
VERBS = {"POST": "create", "DELETE": "delete"}


@dataclass
class Answer:
    """An answer as Kubernetes' client reads it."""

    data: Any
    status: int = 200
    reason: str = "OK"

    def getheader(self, name: str) -> str:
        return "application/json"

    def getheaders(self) -> dict[str, str]:
        return {}


class Cluster:
    """As much of Kubernetes' API as a launcher asks: what it makes is kept, and who may not is refused."""

    def __init__(self) -> None:
        self.account = ""
        self.pods = [RUNNING]
        self.jobs: dict[str, Any] = {}
        self.used: set[tuple[str, str, str]] = set()

    def request(self, _: RESTClientObject, method: str, url: str, **given: Any) -> Answer:
        path = urlsplit(url).path.strip("/").split("/")
        group, rest = ("", path[2:]) if path[0] == "api" else (path[1], path[3:])
        assert rest[:2] == ["namespaces", "mlpo"]
        kind, name, *below = *rest[2:], *([""] if len(rest) == 3 else [])
        resource = "/".join([kind, *below])
        verb = VERBS.get(method) or ("get" if name else "list")
        self.used.add((group, resource, verb))
        if (group, resource, verb) not in rules(self.account):
            raise ApiException(403, f"{self.account} may not {verb} {resource}")
        if verb == "create":
            self.jobs[given["body"]["metadata"]["name"]] = given["body"]
            return Answer(json.dumps(given["body"]).encode())
        if resource == "jobs/status":
            return Answer(json.dumps({**self.jobs[name], "status": {"active": 1}}).encode())
        if resource == "pods/log":
            return Answer(b"what it said")
        if resource == "jobs" and verb == "delete":
            del self.jobs[name]
        items = self.pods if (resource, verb) == ("pods", "list") else []
        return Answer(json.dumps({"items": items}).encode())


def rules(account: str) -> set[tuple[str, str, str]]:
    """What an account may do, as (group, resource, verb)."""
    binding = BY_NAME[f"RoleBinding-{account}"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "mlpo"}]
    return {
        (group, resource, verb)
        for rule in BY_NAME[f"Role-{binding['roleRef']['name']}"]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


class Yard(NamedTuple):
    cluster: Cluster
    instance: dg.DagsterInstance
    launcher: K8sRunLauncher

    def launch(self, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        self.cluster.account = "daemon"
        run = started(self.instance, tags=tags)
        self.launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        return run


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    cluster = Cluster()
    monkeypatch.setattr("dagster_k8s.launcher.load_kubernetes_config", lambda **_: None)
    monkeypatch.setattr(RESTClientObject, "request", lambda *arguments, **given: cluster.request(*arguments, **given))
    config = process_config(K8sRunLauncher.config_type(), CONFIG)
    assert config.success, config.errors
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        launcher = K8sRunLauncher.from_config_value(None, config.value)
        launcher.register_instance(instance)
        yield Yard(cluster, instance, launcher)


def test_settings_are_those_of_compose_but_for_how_runs_are_started() -> None:
    ours, theirs = SETTINGS, yaml.safe_load((COMPOSE / "dagster.yaml").read_text())
    waits = {"start_timeout_seconds": ours["run_monitoring"]["start_timeout_seconds"]}
    monitoring = {**theirs["run_monitoring"], **waits}
    assert {**ours, "run_launcher": None} == {**theirs, "run_launcher": None, "run_monitoring": monitoring}
    assert CONFIG["dagster_home"] == "/opt/dagster" and CONFIG["instance_config_map"] == "dagster-instance"
    for name in ("webserver", "daemon", "code"):
        mounts = pods(name)["containers"][0]["volumeMounts"]
        assert {"name": "instance", "mountPath": "/opt/dagster/dagster.yaml", "subPath": "dagster.yaml"} in mounts


def test_a_run_is_a_job_that_has_what_the_code_location_has(yard: Yard, tmp_path: Path) -> None:
    run = yard.launch()
    [job] = yard.cluster.jobs.values()
    done = validate({**job, "apiVersion": "batch/v1", "kind": "Job"}, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    template, code = job["spec"]["template"], pods("code")
    done = validate(pod(template), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    [container], [beside] = template["spec"]["containers"], code["containers"]
    assert container["image"] == beside["image"]
    assert container["args"][:3] == ["dagster", "api", "execute_run"] and run.run_id in container["args"][3]
    assert sorted(map(str, container["envFrom"])) == sorted(map(str, beside["envFrom"]))
    assert container["volumeMounts"] == beside["volumeMounts"] and template["spec"]["volumes"] == code["volumes"]
    assert template["spec"]["securityContext"] == code["securityContext"]
    assert not template["spec"]["automountServiceAccountToken"]
    assert template["metadata"]["labels"].items() >= {"app": "run", "dagster": "true"}.items()
    assert container["resources"]["limits"] == {"memory": "16Gi"}


def test_accounts_may_do_what_is_asked_of_them_and_nothing_else(yard: Yard) -> None:
    run = yard.launch()
    assert yard.launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    assert "what it said" in yard.launcher.get_run_worker_debug_info(run)
    yard.cluster.pods = []
    assert yard.launcher.get_run_worker_debug_info(run)
    yard.cluster.pods = [RUNNING]
    assert yard.launcher.terminate(run.run_id), "a run that takes too long is ended by the daemon"
    assert yard.cluster.used == rules("daemon")
    assert not yard.cluster.jobs
    run = yard.launch()
    yard.cluster.account = "webserver"
    yard.cluster.used.clear()
    assert yard.launcher.terminate(run.run_id)
    assert yard.cluster.used == rules("webserver")
    assert again(yard.instance, run).status == dg.DagsterRunStatus.CANCELING
    bound = [d["metadata"]["name"] for d in DOCUMENTS if d["kind"] == "RoleBinding"]
    assert sorted(bound) == ["daemon", "webserver"]
    for name in ("webserver", "daemon", "code"):
        account = pods(name).get("serviceAccountName")
        assert account == (name if name in bound else None)
        assert bool(account) or not pods(name)["automountServiceAccountToken"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"pod_spec_config": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}},
        {"pod_spec_config": {"serviceAccountName": "daemon"}},
        {"container_config": {"securityContext": {"privileged": True}}},
        {"container_config": {"image": "another"}},
        {"container_config": {"env": [{"name": "LD_PRELOAD", "value": "another"}]}},
    ],
)
def test_who_tags_a_run_gets_no_more_of_the_cluster(yard: Yard, wanted: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="allow"):
        yard.launch({"dagster-k8s/config": json.dumps(wanted)})
    assert not yard.cluster.jobs


def test_who_tags_a_run_says_what_it_may_use(yard: Yard) -> None:
    resources = {"requests": {"cpu": "4", "memory": "32Gi"}, "limits": {"memory": "32Gi"}}
    yard.launch({"dagster-k8s/config": json.dumps({"container_config": {"resources": resources}})})
    [job] = yard.cluster.jobs.values()
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == resources
