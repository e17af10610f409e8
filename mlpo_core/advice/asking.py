"""The commands that would measure what was not measured."""

import shlex
from collections.abc import Mapping
from typing import NamedTuple

from mlpo_core.advice.inputs import ROUNDS_ON_DEV, to_make
from mlpo_core.chain.experiments import skipped
from mlpo_core.experiment import RECORDED, Experiment
from mlpo_core.store import Dataset

_NO_LEADER = "the experiment has no leader: give its file one, such as leader: {model: NAME}"


class Asked(NamedTuple):
    """The experiment as the command was given it.

    Attributes:
        name: A name, or a file.
        settings: Of `--set`.
        root: Of `--root`; empty where there was none.
    """

    name: str
    settings: tuple[str, ...] = ()
    root: str = ""

    def run(self, asset: str, *settings: str) -> str:
        """The command that makes an asset."""
        words = ["mlpo", "run", self.name, asset]
        for setting in (*self.settings, *settings):
            words += ["--set", setting]
        return shlex.join([*words, *(["--root", self.root] if self.root else [])])


def for_leader(asked: Asked, experiment: Experiment, there: Mapping[str, Dataset]) -> str:
    """What measures the leader alone and its signal: its drafts where it is fine-tuned, else its training."""
    if experiment.leader is None:
        return _NO_LEADER
    for asset in ("sft_dataset", "mlpo_leader"):
        if asset not in there and not skipped(asset, experiment):
            return _all(asked, asset, experiment, there)
    return "its training measured neither: raise mlpo.eval_prompts"


def for_trained_leader(asked: Asked, experiment: Experiment, there: Mapping[str, Dataset]) -> str:
    """What trains the leader and lets it answer dev tasks."""
    if experiment.leader is None:
        return _NO_LEADER
    if experiment.leader.information == "votes":
        return "a leader that is shown votes cannot answer alone, as it is asked to on dev tasks (dev_rounds)"
    settings = ROUNDS_ON_DEV if skipped("dev_rounds", experiment) else ()
    return _all(asked, "dev_rounds", experiment, there, settings)


def for_rounds(asked: Asked, experiment: Experiment, there: Mapping[str, Dataset]) -> str:
    """What measures rounds on dev tasks, or why nothing can."""
    if experiment.leader is None:
        return _NO_LEADER
    if any(agent.model.startswith(RECORDED) for agent in experiment.team.agents):
        return "recorded agents cannot revise their answers: name agents that can be asked"
    if experiment.inference.rounds == 1:
        return "inference.rounds is 1: raise it in the experiment's file"
    return for_trained_leader(asked, experiment, there)


def _all(
    asked: Asked,
    asset: str,
    experiment: Experiment,
    there: Mapping[str, Dataset],
    settings: tuple[str, ...] = (),
) -> str:
    """Everything up to an asset, as one line of a shell."""
    steps = to_make(asset, experiment, there)
    return " && ".join(asked.run(step, *(settings if step == asset else ())) for step in steps)
