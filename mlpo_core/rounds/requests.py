"""How a turn becomes a request: its sampling, and its seed."""

from mlpo_core.engines import Sampling
from mlpo_core.experiment import Agent, Experiment, Leader
from mlpo_core.rounds.conversation import Turn
from mlpo_core.types import Request, stable_seed


def revising(experiment: Experiment, agent: Agent) -> Sampling:
    """How an agent is sampled when it revises its answer."""
    settings = experiment.proposals
    warmth = experiment.inference.agent_temperature if agent.temperature is None else agent.temperature
    return Sampling(warmth, settings.top_p if agent.top_p is None else agent.top_p, settings.max_new_tokens)


def leading(experiment: Experiment, leader: Leader) -> Sampling:
    """How a leader is sampled that does not vote."""
    return Sampling(experiment.inference.temperature, 1.0, leader.max_new_tokens)


def request_of(experiment: Experiment, turn: Turn, sampling: Sampling) -> Request:
    """What an engine is asked for a turn. A greedy request has no seed, so that equal ones are made once."""
    return Request(turn.prompt, 0 if sampling.temperature == 0 else _seed(experiment, turn), turn.system, turn.template)


def _seed(experiment: Experiment, turn: Turn) -> int:
    agent = next((a for a in experiment.team.agents if a.name == turn.agent and turn.role == "agent"), None)
    if agent is None or (voice := experiment.voice(agent)) == agent.name:
        return stable_seed("turn", experiment.seed, turn.id)
    talk = turn.name.partition(":")[0]  # what follows names the agent
    return stable_seed("turn", experiment.seed, talk, turn.seed, turn.task.task_id, turn.round, voice, turn.seat)
