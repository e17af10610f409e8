"""The bill of materials of a wheel, in CycloneDX's JSON, beside it: `python -m scripts.bill dist/NAME.whl`."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from scripts.licences import stated
from scripts.pins import direct, pinned


def bill(wheel: Path) -> dict[str, Any]:
    """What the wheel is, and the pinned packages of the core install. The same wheel gives the same bill."""
    name, version = wheel.name.split("-")[:2]
    packages = pinned("demo")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                **_component(name, version, "Apache-2.0"),
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}],
            }
        },
        "components": [_component(package, pin, stated(package)) for package, pin in packages.items()],
        "dependencies": [
            {"ref": _reference(name, version), "dependsOn": sorted(_reference(p, packages[p]) for p in direct())}
        ],
    }


def as_text(made: dict[str, Any]) -> str:
    """A bill as it stands in its file."""
    return json.dumps(made, indent=1) + "\n"


def _component(name: str, version: str, licence: str | None) -> dict[str, Any]:
    reference = _reference(name, version)
    said = {"licenses": [{"license": {"name": licence}}]} if licence else {}
    return {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference, **said}


def _reference(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version.replace('+', '%2B')}"


def main() -> int:
    """Write `NAME.cdx.json` beside every wheel that is named."""
    for wheel in map(Path, sys.argv[1:]):
        target = wheel.with_suffix(".cdx.json")
        target.write_text(as_text(bill(wheel)))
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
