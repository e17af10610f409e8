"""Finds what a team is loaded from: the versions of an experiment."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlpo_core.chain.spec import versions
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.methods.adaptive import Policy, chosen
from mlpo_core.models.locate import Located, locate
from mlpo_core.progress import log
from mlpo_core.prompts.task import question
from mlpo_core.store import Dataset, Store, VersionRef
from mlpo_core.tasks import read_tasks
from mlpo_core.types import Task

LEADER = "mlpo_leader"


@dataclass(frozen=True)
class Source:
    """What a team is loaded from.

    Attributes:
        experiment: The settings.
        leader: The trained leader.
        agents: The frozen agents by name.
        tasks: The experiment's tasks by the text of their questions.
        stop: When the method `adaptive` stops; None where that was not chosen.
    """

    experiment: Experiment
    leader: Located
    agents: Mapping[str, Located]
    tasks: dict[str, Task]
    stop: Policy | None = None


def of_experiment(experiment: Experiment, store: Store) -> Source:
    """The leader that an experiment trained, and its team.

    A version that the experiment would make anew (other code, other settings) still serves; that is said.

    Raises:
        BadInput: The experiment has no leader, or has not trained it yet; names the command that does. Or an agent has
            recorded responses instead of a model.
    """
    if experiment.leader is None:
        raise BadInput(f"{experiment.name}: this experiment has no leader, so nobody can lead its team")
    found = versions(experiment, store)
    base, trained = (version_of(asset, experiment, store, found) for asset in ("base_models", LEADER))
    tasks = found.get("tasks") or store.pointed(experiment.name, "tasks")
    predictions = found.get("benchmark_predictions") or store.pointed(experiment.name, "benchmark_predictions")
    known = read_tasks(Dataset(tasks), {"train", "dev", "test"}) if tasks else {}
    return Source(
        experiment,
        Located(str(trained.local_folder("checkpoint")), None),
        {agent.name: locate(base, agent.name) for agent in experiment.team.agents},
        {question(task): task for task in reversed(known.values())},
        chosen(Dataset(predictions)) if predictions else None,
    )


def version_of(asset: str, experiment: Experiment, store: Store, found: Mapping[str, VersionRef]) -> Dataset:
    """The version that an experiment asks for, or else made last.

    Raises:
        BadInput: It has none; names the command that makes it.
    """
    if ref := found.get(asset):
        return Dataset(ref)
    ref = store.pointed(experiment.name, asset)
    if ref is None:
        raise BadInput(
            f"{experiment.name}: its {asset} has not been made under {store.root}. Run: mlpo run {experiment.name}"
        )
    log(f"{asset}: {ref.key} is what {experiment.name} made last; with today's code and settings it would be made anew")
    return Dataset(ref)
