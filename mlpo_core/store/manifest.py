"""What a version says about itself, and whether what is stored agrees with it.

`inspect` costs the manifest and one listing: sizes, and the manifest against itself. Content is compared where it is
read: Parquet pages carry checksums, other files their SHA-256.
"""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpo_core.store.digest import combine_digests
from mlpo_core.store.files import Folder
from mlpo_core.store.names import PART, inside, without_content

MANIFEST = "manifest.json"
FINDINGS = "checks.json"
"""What the checks of a version found, kept beside it."""


class VersionRef(BaseModel):
    """What stands for a version wherever a value is passed: small, and safe to store."""

    model_config = ConfigDict(frozen=True)

    asset: str
    url: str
    key: str
    digest: str


Size = Annotated[int, Field(ge=0, lt=2**63)]


class PartInfo(BaseModel):
    name: str
    rows: Size
    bytes: Size
    sha256: str
    digest: str


class FileInfo(BaseModel):
    bytes: Size
    sha256: str


class Manifest(BaseModel):
    """What a version is and what it was made from. Its presence is what makes a version exist."""

    asset: str
    key: str
    digest: str
    rows: Size
    parts: list[PartInfo]
    files: dict[str, FileInfo]
    folders: dict[str, str] = {}
    """Under which name each folder among the files is stored, and on a remote root each file: writers that race have
    each their own."""
    inputs: dict[str, str | None]
    """Content digest by input asset."""
    input_keys: dict[str, str | None]
    config: dict[str, Any]
    versions: dict[str, str]
    """Code version, engine and library versions that the key covers."""
    stats: dict[str, Any]
    created: str
    seconds: float

    def stored_name(self, name: str) -> str:
        """Where a file or folder of this version is, relative to it."""
        head = name
        while head and head not in self.folders:
            head = head.rpartition("/")[0]
        return self.folders[head] + name.removeprefix(head) if head else name


class Origin(NamedTuple):
    """What a key was computed from; recorded in the manifest."""

    inputs: dict[str, str | None]
    input_keys: dict[str, str | None]
    config: dict[str, Any]
    versions: dict[str, str]


class Inspection(NamedTuple):
    """What is stored under a version's name."""

    manifest: Manifest | None
    """None if there is no version, or none that can be used."""
    damage: str | None
    """Why there is a manifest that cannot be used."""


def content_digest(parts: list[PartInfo], files: dict[str, FileInfo]) -> str:
    """The digest of a version: its rows and its weights."""
    weights = [info.sha256 for name, info in sorted(files.items()) if name.startswith("checkpoint")]
    return combine_digests([part.digest for part in parts] + weights)


def inspect(folder: Folder) -> Inspection:
    """Read a version's manifest and hold it against itself and the sizes of what is stored."""
    raw = folder.read(MANIFEST)
    if raw is None:
        return Inspection(None, None)
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError:
        return Inspection(None, f"{MANIFEST} cannot be read")
    damage = _outside(manifest) or _contradiction(manifest, folder) or _missing(manifest, folder)
    return Inspection(None if damage else manifest, damage)


def _outside(manifest: Manifest) -> str | None:
    """Names that lead out of the version's folder, or stand for something else in it."""
    seen: set[str] = set()
    for part in manifest.parts:
        if not PART.fullmatch(part.name) or part.name in seen:
            return f"{MANIFEST} names {part.name!r}, which cannot be a part, or is one twice"
        seen.add(part.name)
    for name, stored in manifest.folders.items():
        if not inside(name) or without_content(stored) != name:
            return f"{MANIFEST} names {stored!r}, which cannot be in a version"
    for name in manifest.files:
        if not inside(name) or manifest.stored_name(name) in (MANIFEST, FINDINGS):
            return f"{MANIFEST} names {name!r}, which cannot be a file of a version"
    return None


def _contradiction(manifest: Manifest, folder: Folder) -> str | None:
    if folder.url.rsplit("/", 2)[1:] != [manifest.asset, manifest.key]:
        return f"{MANIFEST} is that of another version"
    if _when(manifest.created) is None:
        return f"{MANIFEST} does not say when it was created"
    if manifest.rows != sum(part.rows for part in manifest.parts):
        return f"{MANIFEST} says {manifest.rows} rows, but its parts have {sum(p.rows for p in manifest.parts)}"
    if manifest.digest != content_digest(manifest.parts, manifest.files):
        return f"{MANIFEST} has a digest that its parts do not give"
    return None


def _when(created: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return None
    return when if when.tzinfo else None


def _missing(manifest: Manifest, folder: Folder) -> str | None:
    stored = folder.stored()
    declared = {part.name: part.bytes for part in manifest.parts}
    declared |= {manifest.stored_name(name): info.bytes for name, info in manifest.files.items()}
    for name, size in declared.items():
        if name not in stored:
            return f"{name} is missing"
        if stored[name].bytes != size:
            return f"{name} has {stored[name].bytes} bytes, but {MANIFEST} says {size}"
    return None
