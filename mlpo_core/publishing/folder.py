"""Makes the published folder: weights, tokenizer, `leader.json` and the model card; says what is in it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from transformers import AutoTokenizer

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Agent, EngineConfig, Leader
from mlpo_core.methods.adaptive import chosen
from mlpo_core.models.locate import Located
from mlpo_core.models.references import Kind, Reference, kind_of, local_path, references
from mlpo_core.prompts.task import is_compact
from mlpo_core.publishing import leader_file
from mlpo_core.publishing.card import Base, card
from mlpo_core.publishing.leader_file import (
    BaseVersion,
    EngineUsed,
    LeaderFile,
    Member,
    Reading,
    Rounds,
    Sampling,
    Stopping,
)
from mlpo_core.publishing.licences import of_model
from mlpo_core.publishing.texts import prompt_texts
from mlpo_core.publishing.weights import put_adapter, put_generation, put_template, put_whole
from mlpo_core.store import Dataset
from mlpo_core.store.digest import folder_sha256
from mlpo_core.store.lineage import chain
from mlpo_core.tasks import read_tasks

FOLDER = "leader"
"""Folder of the version that is what others load."""
_CHECKPOINT, _ADAPTER = "checkpoint", "adapter"
_ROOT: tuple[Kind, ...] = ("pretrain", "package", "folder")


def run(ctx: Context) -> dict[str, Any]:
    """Write the folder `leader`, and a row for every file in it; returns the manifest's stats."""
    leader = ctx.experiment.leader
    if leader is None:
        raise BadInput("leader: this experiment has none, so there is nothing to publish")
    trained, sft = ctx.inputs["mlpo_leader"], ctx.inputs.get("sft_leader")
    base = _base(ctx)
    adapters = _adapters(base, [sft, trained] if sft else [trained])
    target = ctx.writer.scratch() / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    checkpoint = trained.local_folder(_CHECKPOINT)
    if adapters:
        put_adapter(checkpoint, adapters, Located(base.model, base.revision or None), target)
    else:
        put_whole(checkpoint, target)
    tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=leader.trust_remote_code)
    put_template(target, tokenizer)
    put_generation(target, tokenizer, ctx.experiment.inference.temperature, leader.max_new_tokens)
    form: Literal["weights", "adapter"] = "adapter" if adapters else "weights"
    described = _described(ctx, leader, form)
    (target / leader_file.NAME).write_text(described.model_dump_json(indent=1) + "\n", "utf-8")
    (target / "README.md").write_text(card(ctx, described, base), "utf-8")
    ctx.writer.put_folder(FOLDER, target)
    rows: list[dict[str, Any]] = [
        {"file": name, "bytes": (target / name).stat().st_size, "sha256": sha256}
        for name, sha256 in folder_sha256(target).items()
    ]
    ctx.writer.write(0, rows)
    size = sum(row["bytes"] for row in rows)
    return {"headline": {"files": len(rows), "bytes": size, "form": form, "licence": base.licence}}


def _base(ctx: Context) -> Base:
    """The untrained leader behind the trained one: what others must have, or may not use."""
    behind = chain({"mlpo_leader": ctx.inputs["mlpo_leader"]}, ctx.store)
    models = behind.get("base_models", ctx.inputs["base_models"])
    row = next(r for r in models.rows() if r["name"] == "leader")
    kind, revision = kind_of(Reference("leader", "leader.model", row["model"], row["revision"], False)), row["revision"]
    return Base(kind, _public(kind, row["model"]), revision, of_model(kind, row["model"], revision))


def _adapters(base: Base, versions: Sequence[Dataset]) -> list[Path]:
    """The adapters that together make the leader out of its base; none where a training was whole or nobody else has
    the base."""
    every = all(any(f.startswith(f"{_ADAPTER}/") for f in v.manifest.files) for v in versions)
    return [version.local_folder(_ADAPTER) for version in versions] if every and base.kind == "hub" else []


def _described(ctx: Context, leader: Leader, form: Literal["weights", "adapter"]) -> LeaderFile:
    experiment, base = ctx.experiment, ctx.inputs["base_models"]
    compact = any(is_compact(task) for task in read_tasks(ctx.inputs["tasks"], {"test"}).values())
    rows = {row["name"]: row for row in base.rows()}
    kinds: dict[str, Kind] = {reference.name: kind_of(reference) for reference in references(experiment)}
    agents = experiment.team.agents
    return LeaderFile(
        experiment=ctx.partition,
        seed=experiment.seed,
        seeds=experiment.benchmark.seeds,
        form=form,
        compact=compact,
        leader=Reading(
            **leader.model_dump(include=Reading.model_fields.keys() - {"engine"}),
            engine=_engine(experiment.engine_of(leader)),
        ),
        team=tuple(_member(a, kinds[a.name], rows[a.name], experiment.engine_of(a)) for a in agents),
        base_models=BaseVersion(key=base.ref.key, digest=base.ref.digest),
        proposals=Sampling(**experiment.proposals.model_dump(include={"temperature", "top_p", "max_new_tokens"})),
        inference=Rounds(**experiment.inference.model_dump(include={"rounds", "temperature", "agent_temperature"})),
        stop=Stopping(**policy._asdict()) if (policy := chosen(ctx.inputs["benchmark_predictions"])) else None,
        prompts=prompt_texts(compact, leader.information == "votes"),
        versions={name: v for name, v in ctx.inputs["mlpo_leader"].manifest.versions.items() if v},
    )


def _member(agent: Agent, kind: Kind, row: dict[str, Any], engine: EngineConfig) -> Member:
    return Member(
        name=agent.name,
        where="hub" if kind == "hub" else "root" if kind in _ROOT else "elsewhere",
        model=_public(kind, row["model"]),
        revision=row["revision"],
        **agent.model_dump(include={"prompt", "system_prompt", "chat_template", "temperature"}),
        engine=_engine(engine),
    )


def _public(kind: Kind, model: str) -> str:
    """A model's name without where it lies on this machine."""
    return local_path(model).name if kind == "folder" else model


def _engine(engine: EngineConfig) -> EngineUsed:
    kind = "vllm" if engine.kind == "vllm" else "transformers"
    return EngineUsed(kind=kind, dtype=engine.dtype, max_model_len=engine.max_model_len)
