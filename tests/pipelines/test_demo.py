"""The whole experiment `tiny` through Dagster: what the README promises of `make demo`."""

import resource

import pytest

from mlpo_core.chain.experiments import find
from mlpo_core.chain.stages import STAGES
from mlpo_core.store import Store
from tests.conftest import TinyRun

pytestmark = pytest.mark.slow

MADE = [asset for asset, stage in STAGES.items() if not stage.skipped(find("tiny"))]


def test_the_whole_chain_is_made(tiny_run: TinyRun) -> None:
    for asset in MADE:
        assert tiny_run.dataset(asset).count() > 0
    assert "mlpo_leader/team" in tiny_run.output
    assert "report.html" in tiny_run.output


def test_the_second_run_makes_nothing_and_takes_seconds(tiny_run: TinyRun) -> None:
    spent = processor_seconds()
    before = {asset: Store(tiny_run.root).pointed("tiny", asset) for asset in MADE}
    again = tiny_run.again()
    assert f"{len(MADE)} assets reused" in again.output
    assert {asset: Store(tiny_run.root).pointed("tiny", asset) for asset in MADE} == before
    assert processor_seconds() - spent < 30


def processor_seconds() -> float:
    """Of all processes that were started here and have ended: what else the machine does is no part of it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
