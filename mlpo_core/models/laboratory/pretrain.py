"""Pre-trains the miniature agents and their leader from scratch: the one training here that is not TRL's.

Every model is trained by one process with one thread in float32, so that a seed gives the same weights anywhere the
same arithmetic is used, and models are trained side by side.
"""

import json
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import BaseModels, Experiment
from mlpo_core.models.laboratory.architectures import build
from mlpo_core.models.laboratory.ballots import Ballots, ballot_documents
from mlpo_core.models.laboratory.blindness import LEADER, readings
from mlpo_core.models.laboratory.documents import Curriculum, Document, agent_documents, leader_documents, normalise
from mlpo_core.models.laboratory.muon import Muon
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.progress import log
from mlpo_core.tasks.drawing import shapes
from mlpo_core.tasks.families import COMPACT
from mlpo_core.types import LETTERS, stable_seed

PREFIX = "pretrain:"
_CARD = "pretraining.json"
"""Written last into a model's folder: with it the model is complete."""
_ALONE = 0.45
"""First share of the steps that shows questions alone."""
_TOLD_EVERY = 200
"""Steps between two lines about a model: several are trained side by side."""
_GROUPS = 3
"""Pieces of similar length that a batch is computed in: less padding."""


class _Job(NamedTuple):
    name: str
    recipe: str
    reads: Curriculum | Ballots
    settings: BaseModels
    steps: int
    seed: int
    folder: Path


def pretrain_models(ctx: Context, names: list[str], folder: Path) -> dict[str, Path]:
    """Train the named models, or find them finished by an earlier, interrupted run.

    Args:
        ctx: Its experiment gives recipes, blind spots, seed and settings; its input `tasks` is kept out of the
            documents by normalised text.
        names: Agent names, or `leader`; each one's model reference is `pretrain:<recipe>`.
        folder: Where each model gets a subfolder with safetensors and tokenizer.

    Returns:
        The checkpoint folder by name.

    Raises:
        BadInput: A recipe is unknown, or the experiment has no compact procedural tasks to learn, or none with options
            for a leader that is shown votes.
    """
    jobs = [_job(ctx, name, folder) for name in names]
    waiting = [job for job in jobs if not (job.folder / _CARD).exists()]
    waiting.sort(key=lambda job: job.name != LEADER)  # the longest first
    with ProcessPoolExecutor(ctx.experiment.base_models.processes, get_context("spawn"), _one_thread) as pool:
        for name, seconds, loss in pool.map(_train, waiting):
            log(f"pre-trained {name}: {seconds:.0f} s, final loss {loss:.3f}")
    return {job.name: job.folder for job in jobs}


def replay_documents(experiment: Experiment, n: int, seed: int, forbidden: frozenset[str]) -> list[tuple[str, str]]:
    """`n` pairs (prompt, completion) as the leader read them in pre-training, for replay during fine-tuning.

    Args:
        experiment: Needs the sections team, tasks, leader and base_models.
        n: How many.
        seed: Of the stream; other than pre-training's own, so that the documents are new ones of the same kind.
        forbidden: Normalised questions (`mlpo_core.models.laboratory.documents.normalise`) that must not occur.
    """
    curriculum = _curriculum(experiment, LEADER, forbidden)
    return [(d.prompt, d.completion) for d in islice(leader_documents(curriculum, stable_seed("replay", seed)), n)]


def _curriculum(experiment: Experiment, name: str, forbidden: frozenset[str]) -> Curriculum:
    subjects = {s for t in experiment.tasks if t.benchmark == "procedural" for s in (t.subjects or COMPACT)}
    families = tuple(f for f in COMPACT if f in subjects)
    if not families:
        raise BadInput(f"tasks: pretrain: models learn compact procedural families only: {', '.join(COMPACT)}")
    blind = readings(experiment, name, families)
    return Curriculum(families, blind, experiment.base_models, experiment.k, forbidden, shapes(experiment))


def _ballots(ctx: Context) -> Ballots:
    rows = list(ctx.inputs["tasks"].rows(["subject", "choices"]))
    options = LETTERS[: max((len(row["choices"] or ()) for row in rows), default=0)]
    if not options:
        raise BadInput(
            "leader.information: votes: the miniature leader learns to read votes for options, and no task has any"
        )
    return Ballots(tuple(sorted({row["subject"] for row in rows})), tuple(options), ctx.experiment.k)


def _job(ctx: Context, name: str, folder: Path) -> _Job:
    experiment, settings = ctx.experiment, ctx.experiment.base_models
    leader = experiment.leader if name == LEADER else None
    models = {a.name: a.model for a in experiment.team.agents} | ({LEADER: leader.model} if leader else {})
    steps = settings.leader_steps if leader else settings.steps
    if leader and leader.information == "votes":
        reads: Curriculum | Ballots = _ballots(ctx)
    else:
        forbidden = frozenset(normalise(row["question"]) for row in ctx.inputs["tasks"].rows(["question"]))
        alone = int(_ALONE * steps) * settings.batch_size
        reads = _curriculum(experiment, name, forbidden)._replace(alone=alone)
    seed = stable_seed("pretrain", settings.seed, name)
    return _Job(name, models[name].removeprefix(PREFIX), reads, settings, steps, seed, folder / name)


def _documents(job: _Job) -> Iterator[Document]:
    if isinstance(job.reads, Ballots):
        return ballot_documents(job.reads, job.seed)
    return (leader_documents if job.name == LEADER else agent_documents)(job.reads, job.seed)


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def _train(job: _Job) -> tuple[str, float, float]:
    started, began = time.process_time(), time.monotonic()
    torch.manual_seed(job.seed)
    tokenizer = character_tokenizer()
    model = build(job.recipe, tokenizer)
    settings = job.settings
    inner = {id(p) for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n and "lm_head" not in n}
    matrices = [p for p in model.parameters() if id(p) in inner]
    others = [p for p in model.parameters() if id(p) not in inner]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, settings.learning_rate),
        torch.optim.AdamW(others, settings.adamw_learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: learning_rate_factor(step, job.steps)) for o in optimizers
    ]
    stream = _documents(job)
    losses: list[float] = []
    for step in range(job.steps):
        documents = list(islice(stream, settings.batch_size))
        tokens = 0
        total = 0.0
        batches = list(_batches(documents, tokenizer))
        count = sum(b.targets for b in batches)
        for batch in batches:
            logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=-100, reduction="sum"
            )
            (loss / count).backward()
            total += loss.item()
            tokens += batch.targets
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(total / tokens)
        if (step + 1) % _TOLD_EVERY == 0:
            recent = losses[-_TOLD_EVERY:]
            left = (time.monotonic() - began) / (step + 1) * (job.steps - step - 1)
            log(
                f"base_models: {job.name}: step {step + 1} of {job.steps}, loss {sum(recent) / len(recent):.3f}, "
                f"{left:.0f} s left"
            )
    model.save_pretrained(job.folder)
    tokenizer.save_pretrained(job.folder)
    seconds = time.process_time() - started
    final = sum(losses[-50:]) / len(losses[-50:])
    card = {"recipe": job.recipe, "steps": job.steps, "seed": job.seed, "loss": round(final, 4)}
    (job.folder / _CARD).write_text(json.dumps(card, indent=1))
    return job.name, seconds, final


def learning_rate_factor(step: int, steps: int) -> float:
    """A short linear rise, then linear decay to a twentieth; `steps` updates in all."""
    rise = max(1, math.ceil(0.02 * steps))
    return min((step + 1) / rise, max(0.05, (steps - step) / (steps - rise + 1)))


class _Batch(NamedTuple):
    input_ids: Any
    attention_mask: Any
    labels: Any
    targets: int


def _batches(documents: list[Document], tokenizer: Any) -> Iterator[_Batch]:
    """Right-padded batches of similar length: documents that show a team are several times longer than others."""
    prompts = tokenizer([f"<|user|>{d.prompt}<|end|><|assistant|>" for d in documents])["input_ids"]
    completions = tokenizer([f"{d.completion}<|end|>" for d in documents])["input_ids"]
    pairs = sorted(zip(prompts, completions, strict=True), key=lambda p: len(p[0]) + len(p[1]))
    size = math.ceil(len(pairs) / _GROUPS)
    for start in range(0, len(pairs), size):
        group = pairs[start : start + size]
        longest = max(len(p) + len(c) for p, c in group)
        ids = torch.full((len(group), longest), tokenizer.pad_token_id)
        labels = torch.full((len(group), longest), -100)
        mask = torch.zeros((len(group), longest), dtype=torch.long)
        for row, (prompt, completion) in enumerate(group):
            end = len(prompt) + len(completion)
            ids[row, :end] = torch.tensor(prompt + completion)
            labels[row, len(prompt) : end] = torch.tensor(completion)
            mask[row, :end] = 1
        yield _Batch(ids, mask, labels, sum(len(c) for _, c in group))
