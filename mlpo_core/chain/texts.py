"""Which templates a stage renders for an experiment, by name in `prompts`."""

from mlpo_core.experiment import Experiment
from mlpo_core.experiment.prompts import NAMES
from mlpo_core.methods import selected


def of_agents(_: Experiment) -> tuple[str, ...]:
    """Where agents answer first."""
    return ("agent",)


def of_leader(_: Experiment) -> tuple[str, ...]:
    """Where leader prompts are made."""
    return ("leader", "solo")


def of_traces(experiment: Experiment) -> tuple[str, ...]:
    """Where traces are made of what the leader wrote."""
    return ("leader", "solo", "connector" if experiment.sft.connector == "template" else "connector_request")


def of_rounds_in_training(experiment: Experiment) -> tuple[str, ...]:
    """Where the leader is trained: the audit finds the team's answers by it; what agents are asked there."""
    settings = experiment.mlpo
    asked = {"agent": settings.online, "leader": True, "revision": settings.rounds > 1}
    return tuple(name for name, is_read in asked.items() if is_read)


def solo(_: Experiment) -> tuple[str, ...]:
    """Where the leader is trained alone."""
    return ("solo",)


def of_attempts(_: Experiment) -> tuple[str, ...]:
    """Where the leader is trained to correct itself."""
    return ("solo", "correction")


def of_everybody(experiment: Experiment) -> tuple[str, ...]:
    """Where rounds are run: what the selected methods read in them, and what is timed."""
    dialogues = [method.dialogue for method in selected(experiment).values() if method.dialogue]
    several = [dialogue for dialogue in dialogues if dialogue.seats and dialogue.rounds(experiment) > 1]
    read = {
        "agent": experiment.benchmark.latency_tasks > 0 or any(dialogue.greedy for dialogue in dialogues),
        "revision": any(dialogue.revise == "leader" for dialogue in several),
        "debate": any(dialogue.revise == "peers" for dialogue in several),
        "leader": any(dialogue.leader and dialogue.seats for dialogue in dialogues),
        "solo": any(dialogue.leader and not dialogue.seats for dialogue in dialogues),
        "correction": any(dialogue.attempts > 1 for dialogue in dialogues),
    }
    return tuple(name for name in NAMES if read.get(name))


def of_stopping(_: Experiment) -> tuple[str, ...]:
    """Where the leader is followed round by round on dev tasks."""
    return ("agent", "leader", "solo", "revision")


def of_report(_: Experiment) -> tuple[str, ...]:
    """Where the whole experiment is shown."""
    return NAMES
