"""Make every point of a sweep, one phase after the other: what points share is made once, what is there is reused."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from mlpo_core.chain.experiments import find
from mlpo_core.chain.lifeline import VARIABLE
from mlpo_core.chain.run import lookup
from mlpo_core.chain.spec import Outcome, Spec, resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.files import points
from mlpo_core.progress import log
from mlpo_core.store import Store

_LAST = "benchmark_predictions"
_REFUSED, _TRANSIENT = 2, 75


def make_points(experiment: Experiment, store: Store, only: Sequence[str] = ()) -> int:
    """Make the chain of every point up to its predictions; returns how many phases were run.

    Every phase is a process, the same that Dagster starts. Interrupted, it goes on where it was.

    Args:
        experiment: Has a `sweep`.
        store: The root.
        only: Keep the points whose names contain one of these; empty keeps all.

    Raises:
        BadInput: There is no such point, or a phase refused its input.
        Transient: A phase failed in a way that another try may mend.
    """
    chosen = [name for name in points(experiment) if not only or any(part in name for part in only)]
    if not chosen:
        raise BadInput(f"{experiment.name}: no point of its sweep is named so: {', '.join(only) or 'it has no sweep'}")
    made = 0
    for index, name in enumerate(chosen, 1):
        log(f"point {index} of {len(chosen)}: {name}")
        outcomes = [outcome for _, outcome in make_chain(find(name), store, _LAST)]
        made += sum(not outcome.reused and not outcome.skipped for outcome in outcomes)
    return made


def make_chain(experiment: Experiment, store: Store, last: str) -> Iterator[tuple[str, Outcome]]:
    """Make one experiment up to an asset; yields what became of each as it is there. Raises as `make_points`."""
    for asset in list(STAGES)[: list(STAGES).index(last) + 1]:
        spec = resolve(asset, experiment, store)
        outcome = lookup(spec)
        if outcome is None:
            _launch(spec)
            outcome = lookup(spec)
            if outcome is None:
                raise RuntimeError(f"{spec.partition}: {asset} ended well, but left no version")
            outcome = outcome.model_copy(update={"reused": False})
        yield asset, outcome


def _launch(spec: Spec) -> None:
    """Run one phase; when this process is gone, the phase ends too (`mlpo_core.chain.lifeline`)."""
    lifeline, held = os.pipe()
    code = subprocess.run(
        [sys.executable, "-m", "mlpo_core", "run", "--spec", "/dev/stdin"],  # no file that a signal could leave behind
        input=spec.model_dump_json().encode(),
        pass_fds=(lifeline,),
        env={**os.environ, VARIABLE: str(lifeline)},
        start_new_session=True,
    ).returncode
    os.close(lifeline)
    os.close(held)
    if code == _REFUSED:
        raise BadInput(f"{spec.partition}: {spec.asset} refused its input; what it says is above")
    if code == _TRANSIENT:
        raise Transient(f"{spec.partition}: {spec.asset}; what it says is above")
    if code:
        raise RuntimeError(f"{spec.partition}: {spec.asset} ended with exit code {code}")
