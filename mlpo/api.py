"""What `mlpo` offers: the chain's own functions under names for whoever uses them from Python."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mlpo_core.chain.experiments import read
from mlpo_core.chain.points import make_chain
from mlpo_core.chain.spec import versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput, NotMade
from mlpo_core.experiment import Experiment
from mlpo_core.grading import grade as grade_task
from mlpo_core.grading import infer_kind
from mlpo_core.store import Dataset, Store
from mlpo_core.types import AnswerKind, Task, Verdict, task_id

_REPORT = "benchmark_report"


def load_experiment(name: str | Path, settings: Iterable[str] = ()) -> Experiment:
    """An experiment, completely checked.

    Args:
        name: Of a file in `experiments/` (or `$MLPO_EXPERIMENTS`), of a point of its sweep, or a path to a YAML file.
        settings: What to change: `section.key=value`, values in YAML. It is then filed under a name of its own.

    Raises:
        BadInput: It is none; the message names each field.
    """
    return read(str(name), tuple(settings))


def run(experiment: Experiment, store: Store | None = None, last: str = _REPORT) -> dict[str, Dataset]:
    """Make what is missing of an experiment's chain, each stage in a process of its own; what is there is reused.

    Args:
        experiment: As `load_experiment` gives it.
        store: Where versions are; None is `$MLPO_ROOT`, or `.mlpo` in the working directory.
        last: The asset to end with.

    Returns:
        The versions by asset, in the order in which data flow; one that does not apply is absent.

    Raises:
        BadInput: There is no such asset, or a stage refused its input.
        Transient: A stage failed in a way that another try may mend.
    """
    if last not in STAGES:
        raise BadInput(f"{last!r} is no asset. Assets: {', '.join(STAGES)}")
    outcomes = make_chain(experiment, store or Store(), last)
    return {asset: Dataset(outcome.ref) for asset, outcome in outcomes if outcome.ref}


def made(experiment: Experiment, store: Store | None = None) -> dict[str, Dataset]:
    """The versions that there are of an experiment as it is now, by asset; makes nothing, and takes what `run` does."""
    found = versions(experiment, store or Store())
    return {asset: Dataset(found[asset], sets_aside=False) for asset in STAGES if asset in found}


def report(experiment: Experiment, store: Store | None = None) -> str:
    """The report of an experiment as a page of HTML; takes what `run` does.

    Raises:
        NotMade: There is none of the experiment as it is now; the message ends with the command that makes it.
    """
    found = made(experiment, store).get(_REPORT)
    if found is None:
        reason = f"{experiment.name} has no {_REPORT} as it is now."
        raise NotMade(reason, _REPORT, experiment.name)
    return found.read_file("report.html").decode()


def grade(
    response: str, answer: str, *, question: str = "", choices: Sequence[str] = (), kind: AnswerKind | None = None
) -> Verdict:
    """Read the final answer out of a response and compare it with the gold answer, as the benchmark does.

    Args:
        response: What somebody wrote.
        answer: The gold answer; a letter where there are choices.
        question: What was asked: a response that only repeats it earns nothing.
        choices: The options in order, A first.
        kind: How answers are compared; None decides by choices and answer.
    """
    found = kind or infer_kind("own", answer, tuple(choices))
    identity = task_id("own", "", question, choices)
    return grade_task(Task(identity, "own", "", "test", question, tuple(choices), answer, found), response)
