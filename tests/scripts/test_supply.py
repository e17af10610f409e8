"""What the wheel is used with: licences, advisories, and the bill of materials."""

from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts import audit, bill, licences, pins


@pytest.mark.parametrize(
    "said", ["GPL-3.0", "GNU General Public License v3 (GPLv3)", "AGPL-3.0-only", "BUSL-1.1", "Intel EULA"]
)
def test_licences_that_bind_the_user_are_refused(said: str) -> None:
    assert licences.forbidden(said)


@pytest.mark.parametrize(
    "said", ["MIT", "LGPL-2.1-only", "GNU Lesser General Public License v3", "GPL-2.0 OR MIT", "MPL-2.0"]
)
def test_others_are_not(said: str) -> None:
    assert not licences.forbidden(said)


def test_every_pinned_package_has_a_licence_that_may_be() -> None:
    assert licences.objections() == []
    assert set(licences.BORNE) <= set(pins.pinned())


def test_what_the_index_does_not_know_is_no_clean_bill_of_health() -> None:
    vulnerable = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    found = {"dependencies": [vulnerable, {"name": "b", "skip_reason": "not found"}]}
    lines, weak = audit.summary(found)
    assert weak and lines[0] == "a 1: PYSEC-1, mended in 2" and "NOT DONE for 1" in lines[2]
    assert not audit.summary({"dependencies": []})[1]


def test_the_bill_of_materials_is_valid_and_names_every_package_of_the_core_install(tmp_path: Path) -> None:
    wheel = tmp_path / "mlpo-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    made = bill.bill(wheel)
    assert made == bill.bill(wheel)
    text = bill.as_text(made)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    names = {component["name"] for component in made["components"]}
    assert {"torch", "dagster", "httpx"} <= names and set(pins.direct()) <= names
    assert all(component.get("licenses") for component in made["components"])
