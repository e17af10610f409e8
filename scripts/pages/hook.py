"""What MkDocs calls: adds the pages that are made from the code, and those that stand outside docs/."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.pages import api, assets, licences, settings, trl

REPOSITORY = Path(__file__).resolve().parents[2]
BORROWED = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "speed.md": "bench/README.md",
    "infra.md": "infra/README.md",
}
"""Pages of the site whose source people look for elsewhere in the repository."""
_PICTURES = {"growth.png": "bench/growth.png"}


def generated() -> Mapping[str, str]:
    """Every page that is not a file of docs/: Markdown by path in the site."""
    borrowed = {page: _borrowed(REPOSITORY / source) for page, source in BORROWED.items()}
    return {
        **assets.pages(),
        **api.pages(),
        "settings.md": settings.page(),
        "trl.md": trl.page(),
        "licences.md": licences.page(),
        **borrowed,
    }


def on_config(config: Any) -> Any:
    """List the generated pages and the decisions in the navigation."""
    decisions = sorted(f"decisions/{path.name}" for path in (REPOSITORY / "docs/decisions").glob("*.md"))
    listed = {"Assets": list(assets.pages()), "Python API": list(api.pages()), "Decisions": decisions}
    for section in config["nav"]:
        for item in next(iter(section.values())):
            if isinstance(item, dict) and (pages := listed.get(next(iter(item)))):
                item[next(iter(item))] = pages
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages, and the pictures that borrowed ones show."""
    from mkdocs.structure.files import File

    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    for path, source in _PICTURES.items():
        files.append(File.generated(config, path, abs_src_path=str(REPOSITORY / source)))
    return files


def _borrowed(source: Path) -> str:
    """A page with its links into docs/ made the site's, and those to other files of the repository made text."""
    text = source.read_text(encoding="utf-8").replace("](docs/", "](")

    def keep(link: re.Match[str]) -> str:
        target = link[2].partition("#")[0]
        is_page = "://" in target or not target or (REPOSITORY / "docs" / target).exists() or target in _PICTURES
        return link[0] if is_page else f"{link[1]} (`{target}`)"

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", keep, text)
