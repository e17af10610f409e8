"""Deployment files, each read by a tool made for it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import REPOSITORY

INFRA = REPOSITORY / "infra"
COMPOSE = INFRA / "compose" / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD", "S3_SECRET_KEY", "S3_ACCESS_KEY", "UI_PASSWORD_HASH", "VIEWER_KEY"}


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)


@pytest.mark.parametrize("file", sorted(INFRA.glob("*Dockerfile")), ids=lambda p: p.name)
def test_dockerfiles_pass_hadolint(file: Path) -> None:
    done = tool("hadolint", str(file))
    assert done.returncode == 0, done.stdout


def test_hadolint_would_object(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && pip install torch\n")
    assert tool("hadolint", str(tmp_path / "Dockerfile")).returncode != 0


def test_compose_file_follows_the_specification() -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    assert done.returncode == 0, done.stdout


def test_only_the_proxy_is_published_and_on_loopback_by_default() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["proxy"]
    assert published["proxy"] == ["${PUBLISH:-127.0.0.1:8443}:8443"]


def test_no_secret_stands_in_a_file() -> None:
    text = COMPOSE.read_text()
    for name in SECRETS:
        assert f"${{{name}:?" in text
    for service in yaml.safe_load(text)["services"].values():
        for key, value in service.get("environment", {}).items():
            if any(word in key for word in ("PASSWORD", "SECRET", "ACCESS_KEY")):
                assert str(value).startswith("${"), key


def test_files_that_images_copy_exist() -> None:
    for file in INFRA.glob("*Dockerfile"):
        for line in file.read_text().splitlines():
            if line.startswith("COPY "):
                for source in line.split()[1:-1]:
                    assert (REPOSITORY / source).exists(), f"{file.name}: {source}"
