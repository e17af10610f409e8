"""Every parser of what comes from outside, attacked for some seconds. An hour: `make fuzz`."""

from pathlib import Path

import pytest

from tests.fuzz import campaign
from tests.fuzz.run import TARGETS

SECONDS = 6.0


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_any_bytes_are_parsed_or_refused(target: str, tmp_path: Path) -> None:
    result = campaign.run(target, tmp_path, SECONDS, 0)
    assert not result.failures, "\n".join(result.failures.values())
    assert result.examples > 0
