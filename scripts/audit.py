"""Hold the pinned packages against published advisories: `python -m scripts.audit`. Without an index it says so."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from scripts.pins import pinned

_PROBED = "httpx"
_PATIENCE_S = 5.0


def unreachable() -> str | None:
    """Why advisories cannot be asked for here; None if they can. One question, as pip-audit would put it."""
    url = f"https://pypi.org/pypi/{_PROBED}/{pinned()[_PROBED]}/json"
    try:
        answer = httpx.get(url, timeout=_PATIENCE_S)
        known = answer.status_code == 200 and "vulnerabilities" in answer.json()
    except (httpx.HTTPError, ValueError, OSError) as error:
        return f"{url}: {type(error).__name__}"
    return None if known else f"{url}: HTTP {answer.status_code}, and no advisories"


def summary(found: dict[str, Any]) -> tuple[list[str], bool]:
    """What pip-audit's JSON says, in lines, and whether a package has a known weakness."""
    packages = found["dependencies"]
    weak = [(p, v) for p in packages for v in p.get("vulns", [])]
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    lines = [
        f"{p['name']} {p['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'no version'}"
        for p, v in weak
    ]
    lines.append(f"audit: {len(packages) - len(skipped)} packages held against advisories, {len(weak)} objections")
    if skipped:
        lines.append(f"audit: NOT DONE for {len(skipped)} that the index does not know: {', '.join(skipped[:20])}")
    return lines, bool(weak)


def main() -> int:
    """1 if a pinned package has a known weakness. 0 where that cannot be known, in words."""
    if why := unreachable():
        print(f"audit: NOT DONE, no index here that knows advisories ({why})")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in pinned().items()))
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        done = subprocess.run(  # noqa: S603 - a command of our own, no shell
            [*command, "--format", "json", "--requirement", str(file)], capture_output=True, text=True
        )
    try:
        lines, weak = summary(json.loads(done.stdout))
    except ValueError:
        print(f"audit: pip-audit broke off: {done.stderr[-1000:]}")
        return 1
    print("\n".join(lines))
    return int(weak)


if __name__ == "__main__":
    sys.exit(main())
