"""Kubernetes manifests: built-in kinds against Kubernetes' schemas, the Ray cluster as dagster-ray reads it."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster_ray.kuberay import RayClusterSpec

from mlpo_core.commands import serve
from mlpo_core.listening.keys import VARIABLE
from mlpo_core.serving.endpoint.app import Endpoint
from mlpo_core.serving.endpoint.guard import Guard
from mlpo_core.serving.endpoint.limits import Limits
from pipelines.launch_ray import GPUS
from tests.support import REPOSITORY

COMPOSE = yaml.safe_load((REPOSITORY / "infra" / "compose" / "compose.yaml").read_text())
FOLDER = REPOSITORY / "infra" / "kubernetes"
DOCUMENTS: list[dict[str, Any]] = [
    document for file in sorted(FOLDER.glob("*.yaml")) for document in yaml.safe_load_all(file.read_text())
]
ENDPOINT = next(d for d in DOCUMENTS if d["kind"] == "Deployment" and d["metadata"]["name"] == "endpoint")
RAY = next(document for document in DOCUMENTS if document["kind"] == "RayCluster")
GROUPS: list[dict[str, Any]] = [RAY["spec"]["headGroupSpec"], *RAY["spec"]["workerGroupSpecs"]]
BUILT_IN = [document for document in DOCUMENTS if document is not RAY]
INSTANCE = next(d for d in DOCUMENTS if d["kind"] == "ConfigMap" and d["metadata"]["name"] == "dagster-instance")
LAUNCHED = yaml.safe_load(INSTANCE["data"]["dagster.yaml"])["run_launcher"]["config"]
# KubeRay's own fields of a group; the rest of a group is a pod template, which Kubernetes' schema reads.
GROUP_FIELDS = {"groupName", "replicas", "minReplicas", "maxReplicas", "serviceType", "rayStartParams", "template"}


def validate(document: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold one document against the schema of its kind, unknown fields refused."""
    file = folder / "document.yaml"
    file.write_text(yaml.safe_dump(document))
    command = [str(Path(sys.executable).parent / "kubernetes-validate"), "--strict", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def named(document: dict[str, Any]) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


def pod(template: dict[str, Any]) -> dict[str, Any]:
    return {**template, "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", **template["metadata"]}}


@pytest.mark.parametrize("document", BUILT_IN, ids=named)
def test_manifests_follow_kubernetes(document: dict[str, Any], tmp_path: Path) -> None:
    done = validate(document, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_validator_would_object(tmp_path: Path) -> None:
    [deployment, *_] = [document for document in BUILT_IN if document["kind"] == "Deployment"]
    wrong = {**deployment, "spec": {**deployment["spec"], "replicaz": 1}}
    assert "replicaz" in str(validate(wrong, tmp_path))


def test_the_ray_cluster_has_only_fields_that_kuberay_has() -> None:
    fields = {re.sub(r"[A-Z]", lambda m: f"_{m[0].lower()}", name): value for name, value in RAY["spec"].items()}
    assert set(fields) <= set(RayClusterSpec.model_fields)
    assert RayClusterSpec(**fields).worker_group_specs == RAY["spec"]["workerGroupSpecs"]
    for group in GROUPS:
        assert set(group) <= GROUP_FIELDS
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "ray start reads words"


@pytest.mark.parametrize("group", GROUPS, ids=["head", "gpu"])
def test_ray_pods_follow_kubernetes(group: dict[str, Any], tmp_path: Path) -> None:
    done = validate(pod(group["template"]), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ray_is_the_version_that_phases_bring() -> None:
    assert f"ray=={RAY['spec']['rayVersion']}\n" in (REPOSITORY / "requirements" / "gpu.txt").read_text()


def test_every_service_and_policy_selects_a_pod() -> None:
    templates = [d["spec"]["template"] for d in BUILT_IN if d["kind"] in ("Deployment", "StatefulSet")]
    labels = [template["metadata"]["labels"] for template in (*templates, *(group["template"] for group in GROUPS))]
    labels.append(LAUNCHED["labels"])
    selectors = [d["spec"]["selector"] for d in BUILT_IN if d["kind"] == "Service"]
    selectors += [d["spec"]["podSelector"]["matchLabels"] for d in BUILT_IN if d["kind"] == "NetworkPolicy"]
    assert len(selectors) == 14
    for selector in selectors:
        assert any(selector.items() <= given.items() for given in labels), selector


def test_the_endpoint_may_do_nothing_but_serve() -> None:
    pod = ENDPOINT["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    lines = (REPOSITORY / "infra" / "serve.Dockerfile").read_text().splitlines()
    [places] = [line.split()[1:] for line in lines if line.startswith("ENV ")]
    assert written == {"/var/lib/mlpo", "/tmp"}
    assert all(place.partition("=")[2].startswith("/var/lib/mlpo") for place in places)
    assert container["env"][0]["name"] == VARIABLE and "secretKeyRef" in container["env"][0]["valueFrom"]


def test_the_endpoint_is_started_and_looked_after_as_the_command_has_it() -> None:
    [container] = ENDPOINT["spec"]["template"]["spec"]["containers"]
    lines = (REPOSITORY / "infra" / "serve.Dockerfile").read_text().splitlines()
    [entry] = [json.loads(line.removeprefix("ENTRYPOINT ")) for line in lines if line.startswith("ENTRYPOINT ")]
    parser = argparse.ArgumentParser()
    serve.arguments(parser)
    options = parser.parse_args([*entry[entry.index("serve") + 1 :], *container["args"]])
    assert (options.port, options.host, options.leaders) == (8000, "0.0.0.0", ["tiny"])
    assert container["ports"] == [{"name": "http", "containerPort": options.port}]
    paths = {getattr(route, "path", "") for route in Endpoint({}, Guard("127.0.0.1"), Limits()).app.routes}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in paths and container[probe]["httpGet"]["port"] == "http"


@pytest.mark.parametrize("name", ["artifacts", "viewer"])
def test_what_shows_pages_is_started_as_compose_does_and_knows_no_database(name: str) -> None:
    [container] = pods(name)["containers"]
    assert container["command"] == COMPOSE["services"][name]["command"]
    assert container["ports"][0]["containerPort"] == int(container["command"][-1])
    assert {"secretRef": {"name": "mlpo"}} not in container["envFrom"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    addresses = next(d for d in BUILT_IN if d["kind"] == "ConfigMap" and d["metadata"]["name"] == "mlpo")["data"]
    assert addresses[f"MLPO_{name.upper()}_URL"].endswith(f"/{name}")
    keys = [variable["name"] for variable in container.get("env", ())]
    assert keys == ([VARIABLE] if name == "viewer" else [])


def test_what_holds_a_model_asks_ray_for_what_only_its_workers_have() -> None:
    settings = next(d for d in BUILT_IN if d["kind"] == "ConfigMap" and d["metadata"]["name"] == "mlpo")["data"]
    head, workers = ([c["resources"]["limits"] for c in g["template"]["spec"]["containers"]] for g in GROUPS)
    assert all(int(limits["nvidia.com/gpu"]) >= int(settings[GPUS]) for limits in workers)
    assert not any("nvidia.com/gpu" in limits for limits in head)


def pods(name: str) -> dict[str, Any]:
    """The pod of a deployment."""
    found = (d for d in BUILT_IN if d["kind"] == "Deployment" and d["metadata"]["name"] == name)
    return next(found)["spec"]["template"]["spec"]


def test_no_secret_stands_in_a_manifest() -> None:
    assert not [document for document in DOCUMENTS if document["kind"] == "Secret"]
    for file in FOLDER.glob("*.yaml"):
        assert not re.search(r"(PASSWORD|SECRET_ACCESS_KEY|ACCESS_KEY_ID|TOKEN), value:", file.read_text())


def test_the_services_are_those_that_the_images_configuration_names() -> None:
    services = {d["metadata"]["name"] for d in BUILT_IN if d["kind"] == "Service"}
    instance = yaml.safe_load(INSTANCE["data"]["dagster.yaml"])
    workspace = yaml.safe_load((REPOSITORY / "infra" / "compose" / "workspace.yaml").read_text())
    assert instance["storage"]["postgres"]["postgres_db"]["hostname"] in services
    assert workspace["load_from"][0]["grpc_server"]["host"] in services
