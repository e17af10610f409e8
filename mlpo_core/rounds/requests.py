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
    seed = 0 if sampling.temperature == 0 else stable_seed("turn", experiment.seed, turn.id)
    return Request(turn.prompt, seed, turn.system)
