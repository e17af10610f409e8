"""Proposals of agents whose responses were recorded: matched to the experiment's tasks and handed on in shards."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import RECORDED, Agent
from mlpo_core.proposals.rows import Draft
from mlpo_core.tasks.recorded import recorded_tasks
from mlpo_core.tasks.responses import RecordedResponse, counted, responses
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
    by_benchmark = _known(ctx, tasks)
    _check(ctx, agents, tasks, by_benchmark, samples, setting)
    drafts = _drafts(ctx, agents, by_benchmark, samples)
    while shard := list(islice(drafts, ctx.experiment.proposals.shard_size)):
        yield shard


def _known(ctx: Context, tasks: Mapping[str, Task]) -> dict[str, dict[str, Task]]:
    """The tasks under the ids that responses name, by benchmark."""
    folder = ctx.experiment.engine.recorded
    return {
        benchmark: {r.recorded_id: tasks[r.task_id] for r in recorded_tasks(folder, benchmark) if r.task_id in tasks}
        for benchmark in sorted({task.benchmark for task in tasks.values()})
    }


def _by_name(agents: list[Agent]) -> dict[str, list[Agent]]:
    """The agents of every recorded name."""
    found: dict[str, list[Agent]] = {}
    for agent in agents:
        found.setdefault(agent.model.removeprefix(RECORDED), []).append(agent)
    return found


def _matched(
    ctx: Context, agents: list[Agent], by_benchmark: Mapping[str, Mapping[str, Task]], samples: int
) -> Iterator[tuple[Agent, Task, RecordedResponse]]:
    by_name = _by_name(agents)
    for benchmark, known in by_benchmark.items():
        for response in responses(ctx.experiment.engine.recorded, benchmark, by_name):
            if response.task_id in known:
                for agent in by_name[response.agent]:
                    if response.sample_index >= agent.asked(samples):
                        continue
                    yield agent, known[response.task_id], response


def _check(
    ctx: Context,
    agents: list[Agent],
    tasks: Mapping[str, Task],
    by_benchmark: Mapping[str, Mapping[str, Task]],
    samples: int,
    setting: str,
) -> None:
    by_name, answers = _by_name(agents), Counter[tuple[str, str]]()
    for benchmark, known in by_benchmark.items():
        for (recorded_id, name), n in counted(ctx.experiment.engine.recorded, benchmark, by_name).items():
            if recorded_id in known:
                answers.update({(agent.name, known[recorded_id].task_id): n for agent in by_name[name]})
    for agent in agents:
        wanted = agent.asked(samples)
        short = [task for task in tasks.values() if answers[agent.name, task.task_id] < wanted]
        if short:
            fewest = min(answers[agent.name, task.task_id] for task in short)
            raise BadInput(
                f"{_setting(agent, setting)}: {wanted} answers per agent and task are wanted, but {agent.model} has "
                f"only {fewest} recorded for {len(short)} of {len(tasks)} tasks. "
                + (f"Set it to {fewest}." if fewest else "Add the agent to answered_by of these task sources.")
            )


def _setting(agent: Agent, setting: str) -> str:
    return f"proposals.{setting}" if agent.samples is None else f"team.agents: samples of {agent.name}"


def _drafts(
    ctx: Context, agents: list[Agent], by_benchmark: Mapping[str, Mapping[str, Task]], samples: int
) -> Iterator[Draft]:
    revisions = {row["name"]: row["revision"] for row in ctx.inputs["base_models"].rows(["name", "revision"])}
    for agent, task, response in _matched(ctx, agents, by_benchmark, samples):
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
