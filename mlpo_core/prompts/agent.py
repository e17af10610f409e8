"""What an agent reads before anybody else has answered."""

from mlpo_core.experiment import STANDARD, Agent, Prompts
from mlpo_core.prompts.task import is_compact, of_task
from mlpo_core.prompts.template import render
from mlpo_core.types import Task

_AGENT = "agent.jinja"


def agent_prompt(task: Task, agent: Agent, own: Prompts = STANDARD) -> str:
    """What an agent reads in round 0. `own` are the experiment's templates."""
    if is_compact(task):
        return f"{agent.prompt}\n{task.question}" if agent.prompt else task.question
    return render(own.agent, _AGENT, {**of_task(task), "instruction": agent.prompt})
