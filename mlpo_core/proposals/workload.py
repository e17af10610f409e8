"""What has to be sampled, as shards, and how one shard is made: the same wherever it is worked on.

The plan is a pure function of tasks and settings: an agent's tasks, longest question first (so that too long a prompt
or too little memory shows at once), the samples of one task next to each other (an engine may prefill them once).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlpo_core.context import Context
from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.engines.tolerant import generate
from mlpo_core.experiment import RECORDED, Agent, EngineConfig, Experiment, Proposals
from mlpo_core.grading import Grader
from mlpo_core.models.locate import Located, locate, tokenizer_of
from mlpo_core.progress import log
from mlpo_core.prompts import chat
from mlpo_core.prompts.agent import agent_prompt
from mlpo_core.prompts.task import question
from mlpo_core.proposals.rows import Draft, write_graded
from mlpo_core.types import Request, Task, stable_id, stable_seed

ERRORS = "errors"
"""Folder in a proposal version: by part, `proposal_id` and error of the rows whose `finish_reason` is `error`."""


class Member(NamedTuple):
    """An agent, the model behind it, and its sampling parameters."""

    agent: Agent
    located: Located
    revision: str
    sampling: Sampling


class Shard(NamedTuple):
    """One Parquet part: proposals `start` to `stop` of a member's plan."""

    part: int
    member: Member
    start: int
    stop: int


def plan(members: Sequence[Member], tasks: int, samples: int, shard_size: int) -> list[list[Shard]]:
    """The shards of every model, in order. A shard belongs to one agent, so that it has one set of parameters.

    Args:
        members: The agents that generate.
        tasks: How many tasks each answers.
        samples: How many times, unless an agent's own `samples` says otherwise.
        shard_size: Proposals per shard at most.
    """
    models: dict[tuple[str, str | None, bool, EngineConfig | None], list[Member]] = {}
    for member in members:
        agent, located = member.agent, member.located
        models.setdefault((located.model, located.revision, agent.trust_remote_code, agent.engine), []).append(member)
    shards: list[list[Shard]] = []
    part = 0
    for sharing in models.values():
        shards.append([])
        for member in sharing:
            proposals = tasks * member.agent.asked(samples)
            for start in range(0, proposals, shard_size):
                shards[-1].append(Shard(part, member, start, min(start + shard_size, proposals)))
                part += 1
    return shards


@dataclass(frozen=True)
class Workload:
    """What is to be sampled: a pure function of the stage's inputs and settings, the same wherever it is worked on.

    Attributes:
        ctx: The stage.
        tasks: The tasks, longest question first.
        samples: Answers of every agent to each, unless its own `samples` says otherwise.
        models: The shards by model.
    """

    ctx: Context
    tasks: list[Task]
    samples: int
    models: list[list[Shard]]

    def open_engine(self, member: Member) -> Engine:
        """The engine that answers for an agent."""
        return open_member(self.ctx, member)

    def sample(self, shard: Shard, engine: Engine) -> list[Draft]:
        """The shard's responses. What failed has no text, and its error beside it."""
        work = list(_work(self.ctx, self.tasks, self.samples, shard))
        experiment, agent = self.ctx.experiment, shard.member.agent
        requests = [first_request(experiment, agent, d.task, d.row["seed"]) for d in work]
        generations, errors = generate(engine, requests, shard.member.sampling)
        if prompt_tokens := sum(made.prompt_tokens for made in generations):
            hits = sum(made.cached_prompt_tokens for made in generations) / prompt_tokens
            log(f"{self.ctx.writer.asset}: {hits:.0%} of {prompt_tokens:,} prompt tokens came from the prefix cache")
        return [
            Draft(draft.task, made.text, {**draft.row, **_measured(made._asdict())}, errors.get(position))
            for position, (draft, made) in enumerate(zip(work, generations, strict=True))
        ]

    def finish(self, shard: Shard, drafts: Sequence[Draft], grader: Grader) -> None:
        """Grade and write a shard, the errors of rows that failed first."""
        if failed := [{"proposal_id": d.row["proposal_id"], "error": d.error} for d in drafts if d.error]:
            log(f"{self.ctx.writer.asset}: {len(failed)} responses failed, the first with {failed[0]['error']}")
            self.ctx.writer.put(f"{ERRORS}/part-{shard.part:06d}.json", json.dumps(failed, indent=1).encode())
        write_graded(self.ctx.writer, shard.part, drafts, grader)


def workload(ctx: Context, tasks: Iterable[Task], samples: int) -> Workload:
    """Everything that has to be sampled for a proposal stage, done or not."""
    ordered = sorted(tasks, key=lambda task: -len(question(task)))
    return Workload(
        ctx, ordered, samples, plan(members(ctx), len(ordered), samples, ctx.experiment.proposals.shard_size)
    )


def check_chats(ctx: Context, asked: Iterable[Member]) -> None:
    """Refuse an agent whose chat template does not take what it is given, before anybody is asked anything.

    Raises:
        BadInput: The template refuses a system message or leaves it out, or does not read one of `chat_template`.
    """
    for member in asked:
        agent = member.agent
        if (agent.system_prompt or agent.template) and ctx.experiment.engine_of(agent).kind != "openai":
            chat.render(tokenizer_of(member.located, agent.trust_remote_code), "?", agent.system_prompt, agent.template)


def open_member(ctx: Context, member: Member) -> Engine:
    """The engine that answers for an agent."""
    return open_engine(
        ctx.experiment.engine_of(member.agent),
        member.located.model,
        revision=member.located.revision,
        trust_remote_code=member.agent.trust_remote_code,
        answers=ctx.answers,
    )


def members(ctx: Context) -> list[Member]:
    """The agents that generate: all but recorded ones."""
    settings = ctx.experiment.proposals
    base_models = ctx.inputs["base_models"]
    revisions = {row["name"]: row["revision"] for row in base_models.rows(["name", "revision"])}
    members: list[Member] = []
    for agent in ctx.experiment.team.agents:
        if agent.model.startswith(RECORDED):
            continue
        sampling = first_sampling(settings, agent)
        members.append(Member(agent, locate(base_models, agent.name), revisions[agent.name], sampling))
    return members


def first_sampling(settings: Proposals, agent: Agent) -> Sampling:
    """How an agent is sampled before anybody else has answered."""
    temperature = settings.temperature if agent.temperature is None else agent.temperature
    return Sampling(temperature, settings.top_p if agent.top_p is None else agent.top_p, settings.max_new_tokens)


def first_request(experiment: Experiment, agent: Agent, task: Task, seed: int) -> Request:
    """What an agent is asked before anybody else has answered."""
    return Request(agent_prompt(task, agent, experiment.prompts), seed, agent.system_prompt, agent.template)


def first_seed(seed: int, voice: str, task_id: str, sample: int) -> int:
    """The seed of one of an agent's first answers; `seed` is the experiment's, `voice` that of `Experiment.voice`."""
    return stable_seed(seed, voice, task_id, sample)


def _work(ctx: Context, tasks: Sequence[Task], samples: int, shard: Shard) -> Iterator[Draft]:
    """What is known of a shard's rows before anything is generated."""
    agent, sampling, revision = shard.member.agent, shard.member.sampling, shard.member.revision
    samples = agent.asked(samples)
    own = [text for text in (agent.system_prompt, ctx.experiment.prompts.agent, agent.template) if text]
    voice = ctx.experiment.voice(agent)
    for position in range(shard.start, shard.stop):
        task, sample_index = tasks[position // samples], position % samples
        identity = (task.task_id, agent.name, sample_index, agent.model, revision, agent.prompt, sampling, *own)
        yield Draft(
            task,
            None,
            {
                "proposal_id": stable_id("proposal", *identity),
                "agent": agent.name,
                "sample_index": sample_index,
                "model": agent.model,
                "revision": revision,
                "seed": first_seed(ctx.experiment.seed, voice, task.task_id, sample_index),
                **sampling._asdict(),
            },
        )


def _measured(generation: dict[str, Any]) -> dict[str, Any]:
    return {name: generation[name] for name in ("prompt_tokens", "completion_tokens", "finish_reason", "amortised_s")}
