"""The versions that advice is read from: never one that holds an answer to a test task."""

from collections.abc import Mapping

from mlpo_core.chain.experiments import skipped
from mlpo_core.chain.spec import versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import NotMade
from mlpo_core.experiment import Experiment, Stop
from mlpo_core.methods.adaptive import ADAPTIVE
from mlpo_core.store import Dataset, Store

_NEEDED = ("tasks", "base_models", "agent_proposals")
_READ = (*_NEEDED, "hard_tasks", "sft_dataset", "sft_leader", "mlpo_dataset", "mlpo_leader", "dev_rounds")
ROUNDS_ON_DEV = ("inference.stop.price=0", f"benchmark.methods=[{ADAPTIVE}]")
"""Settings under which `dev_rounds` is made where the experiment does not ask for it; no other row depends on them."""


def inputs(experiment: Experiment, store: Store) -> dict[str, Dataset]:
    """What has been made of it so far, by asset.

    Raises:
        NotMade: The team has not answered the dev tasks; names the first asset to make.
    """
    found = versions(with_rounds(experiment), store)
    if missing := next((asset for asset in _NEEDED if asset not in found), None):
        raise NotMade(
            f"advise reads what the team answered to train and dev tasks, and {missing} has not been made for "
            f"experiment {experiment.name} as it is now.",
            missing,
            experiment.name,
        )
    return {asset: Dataset(found[asset], sets_aside=False) for asset in _READ if asset in found}


def with_rounds(experiment: Experiment) -> Experiment:
    """The experiment with rounds on dev tasks, which are the same rows for whatever price it stops at."""
    if experiment.leader is None:
        return experiment
    benchmark, inference = experiment.benchmark, experiment.inference
    return experiment.model_copy(
        update={
            "benchmark": benchmark.model_copy(update={"methods": (*benchmark.methods, ADAPTIVE)}),
            "inference": inference.model_copy(update={"stop": inference.stop or Stop(price=0)}),
        }
    )


def to_make(asset: str, experiment: Experiment, there: Mapping[str, Dataset]) -> list[str]:
    """An asset and what has to be made before it, in the order of the chain.

    Args:
        asset: It.
        experiment: Whose.
        there: What `inputs` found.
    """
    behind = {asset}
    for name in reversed(list(STAGES)):
        if name in behind:
            behind.update(STAGES[name].inputs)
    asked = with_rounds(experiment)
    return [a for a in STAGES if a in behind and a not in there and not skipped(a, asked)]
