"""The texts that a leader and its team read, as templates: whoever asks the published leader must write the same."""

from mlpo_core.experiment import Agent
from mlpo_core.prompts.agent import agent_prompt
from mlpo_core.prompts.leader import leader_prompt
from mlpo_core.prompts.revision import revision_prompt
from mlpo_core.tasks.families import COMPACT
from mlpo_core.types import Task


def prompt_texts(compact: bool, votes: bool = False) -> dict[str, str]:
    """The templates by name. What stands in braces is filled in; options follow the question, one a line.

    Args:
        compact: Of the short questions of the miniature models, which come without instructions.
        votes: Of a leader that is shown votes alone.
    """
    benchmark, subject = ("procedural", next(iter(COMPACT))) if compact else ("", "{subject}")
    task = Task("", benchmark, subject, "test", "{question}", (), "", "exact")
    agent = Agent(name="agent", model="agent")
    return {
        "leader, alone": leader_prompt(task, (), votes=votes),
        "leader, with its team": leader_prompt(task, ("{answer 1}", "{answer 2}"), votes=votes),
        "agent": agent_prompt(task, agent),
        "agent, in a later round": revision_prompt(task, agent, "{own answer}", "{leader's answer}"),
        "option": "({letter}) {option}",
    }
