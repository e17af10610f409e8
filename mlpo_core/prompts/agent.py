"""What an agent reads before anybody else has answered."""

from mlpo_core.experiment import Agent
from mlpo_core.prompts.task import is_compact, question
from mlpo_core.types import Task

_AGENT = "Solve the task step by step. End with your final answer inside <answer> and </answer>."


def agent_prompt(task: Task, agent: Agent) -> str:
    """What an agent reads in round 0."""
    if is_compact(task):
        return f"{agent.prompt}\n{task.question}" if agent.prompt else task.question
    return f"{agent.prompt or _AGENT}\n\nTask:\n{question(task)}"
