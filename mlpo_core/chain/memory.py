"""GPU memory that every stage needs, part by part, at the experiment's longest prompts: before anything is paid.

What does not fit is named with the setting that would mend it. Lengths are those of `plan`, so a run whose answers are
shorter needs less than is told here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mlpo_core.chain.dimensions import dimensions
from mlpo_core.chain.stages import STAGES
from mlpo_core.chain.update_memory import Update, held
from mlpo_core.errors import BadInput
from mlpo_core.experiment import RL, SFT, EngineConfig, Experiment, Leader, SCoRe
from mlpo_core.experiment.team import RECORDED

_PREFILL = 8192
"""Prompt tokens that vLLM computes at once."""
_SEQUENCES = 256
"""Sequences that vLLM samples at once."""
_ROLLOUT_SHARE = 0.3
"""Of a GPU that vLLM takes beside the trainer: TRL's default."""
_MENDED_RANK = 16
GIGA = 1e9
GPU_MEMORY = 80 * GIGA
"""Of the cards that most labs have."""


def gigabytes(name: str, text: str) -> float:
    """Bytes of a size such as `80GB`, `79.6GiB` or `80`, which is GB.

    Args:
        name: Of what says it, for the error.
        text: The size.

    Raises:
        BadInput: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(GB|GiB|G)?", text.strip())
    if not found or not float(found[1]):
        raise BadInput(f"{name} {text}: expected the memory of one GPU, such as 80GB")
    return float(found[1]) * (2**30 if found[2] == "GiB" else GIGA)


class Need(NamedTuple):
    """Bytes of one GPU.

    Attributes:
        stage: The asset.
        model: The one that needs most there.
        weights: Of the model.
        gradients: Of what is trained.
        optimizer: Its states.
        activations: What forward keeps for backward, and works with.
        logits: Buffers as wide as the vocabulary.
        cache: Keys and values.
        beside: An engine beside the trainer.
        missing: What stops it although the sum would fit; empty where nothing does.
        mends: What would make it fit.
    """

    stage: str
    model: str
    weights: float = 0.0
    gradients: float = 0.0
    optimizer: float = 0.0
    activations: float = 0.0
    logits: float = 0.0
    cache: float = 0.0
    beside: float = 0.0
    missing: str = ""
    mends: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """All parts."""
        return sum(self[2:9])

    def fits(self, memory: float) -> bool:
        """Whether a GPU of so many bytes holds it."""
        return self.total <= memory and not self.missing


class _Training(NamedTuple):
    """A training of the leader: what is put through at once, and what else is on the GPU."""

    update: Update
    beside: float
    cache: float


def needs(experiment: Experiment, gpus: int, memory: float, longest_prompt: int) -> list[Need]:
    """What every stage needs that uses a GPU, in the order of the chain.

    Args:
        experiment: Its models, engines and trainings.
        gpus: That there are: a launcher starts a process on each.
        memory: Bytes of one GPU.
        longest_prompt: Tokens of the longest leader prompt.

    Raises:
        BadInput: A model's size is not known.
    """
    agents = [(a.model, experiment.engine_of(a)) for a in experiment.team.agents]
    here = [pair for pair in agents if is_here(*pair)]
    found: list[Need] = []
    leader = experiment.leader
    leads = [(leader.model, experiment.engine_of(leader))] if leader else []
    longest = longest_prompt + leader.max_new_tokens if leader else 4096
    for stage, asked in (
        ("agent_proposals", here),
        ("benchmark_proposals", here),
        ("sft_dataset", leads),
        ("team_rounds", [*here, *leads]),
        ("dev_rounds", [*here, *leads]),
    ):
        if asked and not STAGES[stage].skipped(experiment):
            every = [_generation(stage, model, engine, memory, longest) for model, engine in asked]
            found.append(max(every, key=lambda need: (bool(need.missing), need.total)))
    if leader:
        found += _trainings(experiment, leader, gpus, memory, longest_prompt)
    order = list(STAGES)
    return sorted(found, key=lambda need: order.index(need.stage))


def shards(experiment: Experiment, gpus: int) -> int:
    """GPUs that share the leader's weights while it is trained."""
    return 1 if experiment.sharding == "none" else gpus


def is_here(model: str, engine: EngineConfig) -> bool:
    """Whether a model computes on our GPUs: an endpoint's does not, and recorded answers need none."""
    return engine.kind not in ("openai", "recorded") and not model.startswith(RECORDED)


def _generation(stage: str, model: str, engine: EngineConfig, memory: float, longest: int) -> Need:
    """An engine alone on its GPUs."""
    shape, parts = dimensions(model), engine.tensor_parallel_size
    if engine.kind == "transformers":
        rows = max(1, engine.batch_tokens // longest)
        work = 4 * min(engine.batch_tokens, _PREFILL) * (2 * shape.hidden + 3 * shape.intermediate)
        need = Need(stage, model, 2 * shape.parameters, activations=work, logits=12 * rows * shape.vocabulary)
        need = need._replace(cache=engine.batch_tokens * shape.cached)
        mend = ("engine.batch_tokens: a smaller one", "engine.kind: vllm with tensor_parallel_size")
        return need if need.fits(memory) else need._replace(mends=mend)
    work = 2 * _PREFILL * (2 * shape.hidden + 3 * shape.intermediate) / parts
    need = Need(stage, model, 2 * shape.parameters / parts, activations=work, logits=8 * _SEQUENCES * shape.vocabulary)
    left = engine.gpu_memory_utilization * memory - need.total
    one = (engine.max_model_len or longest) * shape.cached / parts
    if left >= one:
        return need._replace(cache=left)
    return need._replace(
        cache=one,
        missing=f"gpu_memory_utilization {engine.gpu_memory_utilization} leaves no room for a sequence",
        mends=(f"engine.tensor_parallel_size: {2 * parts}", "engine.gpu_memory_utilization: a larger share"),
    )


def _trainings(experiment: Experiment, leader: Leader, gpus: int, memory: float, prompt: int) -> Iterator[Need]:
    names: tuple[tuple[str, SFT | RL], ...] = (
        ("sft_leader", experiment.sft),
        ("mlpo_leader", experiment.mlpo),
        ("grpo_leader", experiment.grpo),
        ("deferral_leader", experiment.sft),
        ("score_leader", experiment.score),
    )
    for stage, settings in names:
        if not STAGES[stage].skipped(experiment):
            training = _training(experiment, stage, settings, leader, gpus, memory, prompt)
            need = _need(stage, leader.model, training)
            if not need.fits(memory):
                need = need._replace(mends=_mends(training, need, settings, gpus, memory))
            yield need


def _training(
    experiment: Experiment, stage: str, settings: SFT | RL, leader: Leader, gpus: int, memory: float, prompt: int
) -> _Training:
    shape = dimensions(leader.model)
    processes = 1 if experiment.launcher == "local" else gpus
    checkpointing = settings.gradient_checkpointing is not False
    common = (shape, settings.lora.rank, checkpointing, shards(experiment, gpus))
    if isinstance(settings, SFT):
        written = 2 * leader.max_new_tokens if stage == "sft_leader" else 8  # a wrong attempt and a right one
        written = min(written, leader.max_context - min(prompt, leader.max_context - 1))
        rows = settings.micro_batch_size or max(1, settings.batch_size // processes)
        return _Training(Update(*common, rows, prompt, written), 0.0, 0.0)
    batch = settings.prompts_per_step * settings.group_size
    rows = settings.micro_batch_size or max(1, batch // processes)
    group = settings.group_size if rows % settings.group_size == 0 else 1
    update = Update(*common, rows, prompt, leader.max_new_tokens, group)
    beside = cache = 0.0
    if settings.rollouts == "vllm":
        there = settings.trl.get("vllm_mode") != "server"
        beside += there * settings.trl.get("vllm_gpu_memory_utilization", _ROLLOUT_SHARE) * memory
    else:
        cache = settings.rollout_batch_tokens * shape.cached
    if stage == "mlpo_leader" and experiment.mlpo.asks_team:
        engines = [e for a in experiment.team.agents if is_here(a.model, e := experiment.engine_of(a))]
        beside += max((e.gpu_memory_utilization * memory for e in engines if e.kind == "vllm"), default=0.0)
    pulled = max(settings.beta1, settings.beta2) if isinstance(settings, SCoRe) else settings.beta
    if pulled and not settings.lora.rank:
        beside += 4 * shape.parameters / update.shards  # the model that the KL term is measured from
    return _Training(update, beside, cache)


def _need(stage: str, model: str, training: _Training) -> Need:
    """Rollouts and updates take turns: of their buffers only the larger ones count."""
    step = held(training.update)
    cache = max(0.0, training.cache - step.activations - step.logits)
    return Need(stage, model, *step, cache, training.beside)


def _mends(training: _Training, need: Need, settings: SFT | RL, gpus: int, memory: float) -> tuple[str, ...]:
    """The settings that make a training fit: alone where one does, else as few together as do, in this order."""
    update = training.update
    least = settings.group_size if isinstance(settings, RL) else 1
    changes: list[tuple[str, Callable[[Update], Update]]] = []
    if not update.checkpointing:
        changes.append(("gradient_checkpointing: true", lambda u: u._replace(checkpointing=True)))
    if update.rows > least:
        smaller = min(least, update.rows)
        changes.append((f"micro_batch_size: {smaller}", lambda u: u._replace(rows=smaller)))
    if gpus > 1 and update.shards == 1:
        changes.append(("launcher: torchrun with sharding: fsdp2", lambda u: u._replace(shards=gpus)))
    if not update.rank:
        changes.append((f"lora: {{rank: {_MENDED_RANK}}}", lambda u: u._replace(rank=_MENDED_RANK)))
    alone = [name for name, change in changes if _need_of(need, training, change(update)).fits(memory)]
    if alone:
        return tuple(alone)
    taken: list[str] = []
    for name, change in changes:
        update = change(update)
        taken.append(name)
        if _need_of(need, training, update).fits(memory):
            return (" and ".join(taken),)
    if training.beside:
        return ("a smaller share for the engine beside the trainer, or rollouts: transformers",)
    return ("more GPUs with sharding: fsdp2, or a smaller model",)


def _need_of(need: Need, training: _Training, update: Update) -> Need:
    return _need(need.stage, need.model, training._replace(update=update))


def table(found: Sequence[Need], memory: float) -> list[str]:
    """The needs as lines of text, in GB of 10⁹ bytes."""
    columns = ("weights", "gradients", "optimizer", "activations", "logits", "KV cache", "beside")
    lines = [
        "",
        f"memory of one GPU, GB of {memory / GIGA:.0f}".ljust(32),
        f"{'stage':22} " + " ".join(f"{name:>11}" for name in (*columns, "total")) + "  ",
    ]
    for need in found:
        parts = " ".join(f"{part / GIGA:>11.1f}" for part in (*need[2:9], need.total))
        lines.append(f"{need.stage:22} {parts}  {'' if need.fits(memory) else 'DOES NOT FIT'}".rstrip())
    lines += [problem(need, memory) for need in found if not need.fits(memory)]
    return [line.rstrip() for line in lines]


def problem(need: Need, memory: float) -> str:
    """What does not fit, and what would mend it."""
    why = need.missing or f"{need.total / GIGA:.0f} GB of {memory / GIGA:.0f}"
    return f"{need.stage} does not fit ({need.model}: {why}). It would with {', or '.join(need.mends)}"
