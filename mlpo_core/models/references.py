"""What an experiment's model references mean, and whether they can be followed.

Imports nothing heavy: the orchestrator computes `fingerprint` to find out whether a local checkpoint changed.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, Judge

Kind = Literal["pretrain", "package", "recorded", "endpoint", "folder", "hub"]

_HUB_TIMEOUT_S = 15.0
_KINDS: dict[str, Kind] = {"pretrain:": "pretrain", "pypi:": "package", "recorded:": "recorded"}
_DIGESTED = {".safetensors", ".json", ".model", ".txt", ".jinja", ".py"}


class Reference(NamedTuple):
    """A model as the experiment names it, the field that names it, and whether an endpoint has it."""

    name: str
    field: str
    model: str
    revision: str
    trust_remote_code: bool
    remote: bool = False


def references(experiment: Experiment) -> list[Reference]:
    """The agents' references in order, then the leader's."""
    found = [
        Reference(
            a.name,
            f"team.agents[{i}].model",
            a.model,
            a.revision,
            a.trust_remote_code,
            experiment.engine_of(a).kind == "openai",
        )
        for i, a in enumerate(experiment.team.agents)
    ]
    if leader := experiment.leader:
        found.append(Reference("leader", "leader.model", leader.model, leader.revision, leader.trust_remote_code))
    return found


def kind_of(reference: Reference) -> Kind:
    """How a reference is followed. A remote agent's model is whatever its endpoint calls it."""
    for prefix, kind in _KINDS.items():
        if reference.model.startswith(prefix):
            return kind
    if reference.remote:
        return "endpoint"
    path = local_path(reference.model)
    named_so = reference.model.startswith(("/", "./", "../", "~", "$")) or len(path.parts) > 2
    return "folder" if named_so or path.is_dir() else "hub"


def local_path(model: str) -> Path:
    """A reference as a path, with variables and `~` expanded."""
    return Path(os.path.expandvars(model)).expanduser()


def fingerprint(experiment: Experiment) -> dict[str, str]:
    """Name, size and change time of every local checkpoint's files, hashed: changes when they do, read or not."""
    return {r.field: stats for r in references(experiment) if (stats := folder_stats(r))}


def folder_stats(reference: Reference) -> str:
    """Such a hash of one local checkpoint; empty for what is none."""
    folder = local_path(reference.model)
    if kind_of(reference) != "folder" or not folder.is_dir():
        return ""
    stats = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in _files(folder)]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:16]


def judge_of(judge: Judge) -> Reference:
    """The reference of an experiment's judge."""
    remote = judge.engine is not None and judge.engine.kind == "openai"
    return Reference("judge", "grading.judge.model", judge.model, judge.revision, False, remote)


def weight_files(folder: Path, field: str) -> list[Path]:
    """The safetensors files of a local checkpoint.

    Raises:
        BadInput: The folder is not there, or is not a checkpoint with safetensors weights, config and tokenizer.
    """
    if not folder.is_dir():
        raise BadInput(f"{field}: no folder {folder}. Name a local checkpoint folder or a Hugging Face model id.")
    weights = sorted(folder.glob("*.safetensors"))
    missing = [] if weights else ["*.safetensors (pickled weights are not loaded; convert them)"]
    missing += [n for n in ("config.json", "tokenizer_config.json") if not (folder / n).is_file()]
    if missing:
        raise BadInput(f"{field}: {folder} is not a complete checkpoint: missing {', '.join(missing)}")
    return weights


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and bytes of a checkpoint's files."""
    sha = hashlib.sha256()
    for path in _files(folder):
        with path.open("rb") as file:
            sha.update(f"{path.name}\x00{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return sha.hexdigest()[:16]


def resolve_hub(reference: Reference) -> tuple[str, int]:
    """The commit that a hub reference means now, and the parameter count (0 when the hub does not say).

    A hub that cannot be reached is no obstacle when the revision is in the local cache.

    Raises:
        BadInput: There is no such model or revision, it is not open to us, it has no safetensors weights, or the hub
            cannot be reached.
    """
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"{reference.field}: {reference.model}"
    local = "or name a local checkpoint folder instead"
    try:
        info: Any = HfApi().model_info(reference.model, revision=reference.revision, timeout=_HUB_TIMEOUT_S)
    except GatedRepoError as error:
        raise BadInput(f"{name} is gated: ask for access on its page and log in (hf auth login), {local}.") from error
    except RevisionNotFoundError as error:
        raise BadInput(f"{name} has no revision {reference.revision!r} on the Hugging Face hub.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise BadInput(f"{name}: no such model on the Hugging Face hub. Check its spelling, {local}.") from error
    except (OfflineModeIsEnabled, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        if commit := _cached(reference):
            return commit, 0
        raise BadInput(
            f"{name}: the Hugging Face hub cannot be reached ({error}). Try again later, {local}."
        ) from error
    if not any(s.rfilename.endswith(".safetensors") for s in info.siblings or []):
        raise BadInput(f"{name} has no safetensors weights, and pickled ones are not loaded. Convert it, {local}.")
    return str(info.sha), int(info.safetensors.total) if info.safetensors else 0


def _cached(reference: Reference) -> str | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(reference.model, revision=reference.revision, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return Path(folder).name if any(Path(folder).glob("*.safetensors")) else None


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in _DIGESTED)
