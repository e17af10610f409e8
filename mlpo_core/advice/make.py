"""Measures what an experiment's own dev data tell, and says what will pay."""

from collections import Counter
from collections.abc import Mapping

from mlpo_core.advice.asking import Asked, for_leader, for_rounds, for_trained_leader
from mlpo_core.advice.costs import costs
from mlpo_core.advice.leader import signal, solo_skill
from mlpo_core.advice.page import Found
from mlpo_core.advice.rounds import rounds
from mlpo_core.advice.rules import advised, options
from mlpo_core.advice.votes import votes
from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset


def advise(experiment: Experiment, there: Mapping[str, Dataset], asked: Asked) -> Found:
    """Measure, and choose.

    Args:
        experiment: Whose team.
        there: What has been made of it, by asset: of `mlpo_core.advice.inputs`.
        asked: How the experiment was named, for commands.

    Raises:
        BadInput: There is no dev or no train task, an answer to one is missing, or a version is damaged.
    """
    on_dev = votes(experiment, there)
    in_rounds = rounds(experiment, there, on_dev.tasks)
    alone, taught = solo_skill(there), signal(there)
    ways = options(on_dev, in_rounds, taught)
    missing: dict[str, str] = {}
    if alone is None or taught is None:
        missing["the leader alone, groups with signal"] = for_leader(asked, experiment, there)
    if in_rounds is None:
        missing["a trained leader"] = for_trained_leader(asked, experiment, there)
    if in_rounds is None or in_rounds.revised is None:
        missing["rounds"] = for_rounds(asked, experiment, there)
    return Found(
        experiment=experiment.name,
        k=experiment.k,
        votes=on_dev,
        rounds=in_rounds,
        solo=alone,
        signal=taught,
        costs=costs(experiment, Counter(task.benchmark for task in on_dev.tasks)),
        ways=ways,
        best=advised(ways),
        missing=missing,
    )
