"""The webserver and the daemon as `make ui` starts them, and what the UI asks of them."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import REPOSITORY, free_port, wait_for

GRAPH = "{ assetNodes { assetKey { path } groupName partitionDefinition { name } } }"
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
RUN = """
query ($id: ID!) {
  runOrError(runId: $id) { ... on Run { status assetMaterializations { assetKey { path } metadataEntries { label } } } }
}
"""
TERMINATE = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"
DAGSTER_DEV = (sys.executable, "-m", "dagster", "dev")


class Server(NamedTuple):
    """A webserver and a daemon on one instance."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: object) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        url = f"http://127.0.0.1:{self.port}/graphql"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, assets: str | Sequence[str], partition: str) -> str:
        """Materialize as the UI does; returns the run id."""
        selector = {
            "repositoryLocationName": "mlpo",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [asset]} for asset in ([assets] if isinstance(assets, str) else assets)],
        }
        tags = [{"key": "dagster/partition", "value": partition}]
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}, "runConfigData": {}}
        answer = self.ask(LAUNCH, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def run(self, run_id: str) -> Any:
        return self.ask(RUN, id=run_id)["runOrError"]

    def finished(self, run_id: str) -> str | None:
        status = self.run(run_id)["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None


def configure(folder: Path, most_at_work: int = 4) -> dict[str, str]:
    """Make a folder the home of a Dagster instance with the repository's settings; returns its environment."""
    settings = (REPOSITORY / "dagster.yaml").read_text().replace(".dagster/", f"{folder}/dagster/")
    assert "limit: 4}" in settings
    (folder / "dagster.yaml").write_text(settings.replace("limit: 4}", f"limit: {most_at_work}}}"))
    return {
        "DAGSTER_HOME": str(folder),
        "MLPO_ROOT": str(folder / "root"),
        "MLPO_EXPERIMENTS": str(folder / "experiments"),
    }


@contextmanager
def serving(
    folder: Path, *location: str, most_at_work: int = 4, program: Sequence[str] = DAGSTER_DEV
) -> Iterator[Server]:
    """`dagster dev` on a copy of the instance's configuration, with experiments of the test's own.

    Args:
        folder: Where the instance, the store and the experiments are.
        location: Options that name another code location than the repository's.
        most_at_work: How many runs may make something at once.
        program: What serves it.
    """
    environment = configure(folder, most_at_work)
    port = free_port()
    process = subprocess.Popen(
        [*program, *location, "--host", "127.0.0.1", "--port", str(port)],
        cwd=REPOSITORY,
        env={**os.environ, "DG_CLI_DISABLE_TELEMETRY": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("wb"),
        start_new_session=True,
    )
    server = Server(port, folder, process)

    def healthy() -> bool:
        try:
            return bool(server.ask(GRAPH)["assetNodes"])
        except OSError:
            return False

    try:
        wait_for(healthy, 180, "the webserver is up")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
