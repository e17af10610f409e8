"""Proposals of agents whose responses were recorded: matched to the experiment's tasks and handed on in shards."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import RECORDED, Agent
from mlpo_core.proposals.rows import Draft
from mlpo_core.tasks.recorded import recorded_tasks
from mlpo_core.tasks.responses import RecordedResponse, responses
from mlpo_core.types import Task, stable_id


def recorded_drafts(ctx: Context, tasks: Mapping[str, Task], samples: int, setting: str) -> Iterator[list[Draft]]:
    """The recorded answers of the team to these tasks, `shard_size` at a time, in file order.

    Args:
        ctx: The stage's context.
        tasks: Tasks by id; answers to others are passed over.
        samples: How many answers to take of every agent to every task: the first ones in the file.
        setting: Name of the setting that asks for them, for errors.

    Raises:
        BadInput: An agent has fewer answers to a task than asked for.
    """
    agents = [agent for agent in ctx.experiment.team.agents if agent.model.startswith(RECORDED)]
    if not agents:
        return
    _check(ctx, agents, tasks, samples, setting)
    drafts = _drafts(ctx, agents, tasks, samples)
    while shard := list(islice(drafts, ctx.experiment.proposals.shard_size)):
        yield shard


def _matched(
    ctx: Context, agents: list[Agent], tasks: Mapping[str, Task], samples: int
) -> Iterator[tuple[Agent, Task, RecordedResponse]]:
    folder = ctx.experiment.engine.recorded
    by_name: dict[str, list[Agent]] = {}
    for agent in agents:
        by_name.setdefault(agent.model.removeprefix(RECORDED), []).append(agent)
    for benchmark in sorted({task.benchmark for task in tasks.values()}):
        known = {r.recorded_id: tasks[r.task_id] for r in recorded_tasks(folder, benchmark) if r.task_id in tasks}
        for response in responses(folder, benchmark, by_name):
            if response.task_id in known and response.sample_index < samples:
                for agent in by_name[response.agent]:
                    yield agent, known[response.task_id], response


def _check(ctx: Context, agents: list[Agent], tasks: Mapping[str, Task], samples: int, setting: str) -> None:
    answers = Counter((agent.name, task.task_id) for agent, task, _ in _matched(ctx, agents, tasks, samples))
    for agent in agents:
        short = [task for task in tasks.values() if answers[agent.name, task.task_id] < samples]
        if short:
            fewest = min(answers[agent.name, task.task_id] for task in short)
            raise BadInput(
                f"proposals.{setting}: {samples} answers per agent and task are wanted, but {agent.model} has only "
                f"{fewest} recorded for {len(short)} of {len(tasks)} tasks. "
                + (f"Set it to {fewest}." if fewest else "Add the agent to answered_by of these task sources.")
            )


def _drafts(ctx: Context, agents: list[Agent], tasks: Mapping[str, Task], samples: int) -> Iterator[Draft]:
    revisions = {row["name"]: row["revision"] for row in ctx.inputs["base_models"].rows(["name", "revision"])}
    for agent, task, response in _matched(ctx, agents, tasks, samples):
        revision = revisions[agent.name]
        identity = (task.task_id, agent.name, response.sample_index, agent.model, revision)
        yield Draft(
            task,
            response.response,
            {
                "proposal_id": stable_id("proposal", *identity),
                "agent": agent.name,
                "sample_index": response.sample_index,
                "prompt_tokens": response.prompt_tokens,
                "completion_tokens": response.completion_tokens,
                "finish_reason": response.finish_reason,
                "model": agent.model,
                "revision": revision,
            },
        )
