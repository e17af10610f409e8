"""What watches a team's instance: read by promtool, and carried out by a real Prometheus on a real object store."""

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from pipelines.metrics import GAUGES
from tests.conftest import missing_service
from tests.s3_server import S3Server
from tests.support import REPOSITORY, free_port, wait_for

FOLDER = REPOSITORY / "infra" / "monitoring"
CONFIG = yaml.safe_load((FOLDER / "prometheus.yml").read_text())


def program(name: str) -> str:
    return shutil.which(name) or missing_service(name)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False, cwd=FOLDER)


def test_configuration_and_rules_are_valid() -> None:
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    done = promtool("test", "rules", "alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    tried = {t["alertname"] for test in _tests() for t in test["alert_rule_test"] if t["exp_alerts"]}
    assert tried == {rule["alert"] for rule in group["rules"]}


def test_promtool_would_object(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    rules = (tmp_path / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(rules.replace("expr: up == 0", "expr: up == 1"))
    assert promtool("test", "rules", str(tmp_path / "alerts_test.yml")).returncode != 0


def test_what_is_scraped_is_a_service_of_the_compose_file() -> None:
    services = yaml.safe_load((REPOSITORY / "infra" / "compose" / "compose.yaml").read_text())["services"]
    targets = [t for job in CONFIG["scrape_configs"] for static in job["static_configs"] for t in static["targets"]]
    assert {target.partition(":")[0] for target in targets} <= set(services)
    port = next(t for t in targets if t.startswith("objects:")).partition(":")[2]
    assert f"-metricsPort={port}" in services["objects"]["command"]


def test_rules_and_dashboard_read_metrics_that_there_are(tmp_path: Path) -> None:
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    shown = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    assert set(re.findall(r"dagster_\w+", shown)) == set(GAUGES)
    assert set(re.findall(r"dagster_\w+", (FOLDER / "alerts.yml").read_text())) <= set(GAUGES)
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_real_prometheus_scrapes_a_real_object_store(s3: S3Server, tmp_path: Path) -> None:
    shutil.copy(FOLDER / "alerts.yml", tmp_path)
    text = (FOLDER / "prometheus.yml").read_text().replace("objects:9327", s3.metrics).replace("30s", "1s")
    (tmp_path / "prometheus.yml").write_text(text)
    address = f"127.0.0.1:{free_port()}"
    options = {"config.file": "prometheus.yml", "storage.tsdb.path": "data", "web.listen-address": address}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [program("prometheus"), *(f"--{name}={value}" for name, value in options.items())],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(lambda: query(address, 'up{job="objects"}') == ["1"], 60, "the object store is scraped")
        counted = 'sum(SeaweedFS_s3_request_total{code="200"})'
        wait_for(lambda: query(address, counted), 60, "requests are counted under the name that the rule reads")
        wait_for(lambda: query(address, 'up{job="postgres"}') == ["0"], 60, "what is not there is seen to be away")
        wait_for(lambda: query(address, 'ALERTS{alertname="ServiceDown",job="postgres"}'), 60, "its alert waits")
    finally:
        server.kill()
        server.wait()


def query(address: str, expression: str) -> list[str]:
    """The values of an expression now; none while the server is not up."""
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/query?query={quote(expression)}", timeout=10) as answer:
            return [series["value"][1] for series in json.load(answer)["data"]["result"]]
    except OSError:
        return []


def _tests() -> list[dict]:
    return yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
