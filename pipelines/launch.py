"""Run one phase as `python -m mlpo_core run --spec …` in its own process group, and end that whole group with the run.

Dagster's own subprocess client interrupts only the direct child and never escalates; engines start children. With
`launcher: ray` the same command is a job on a Ray cluster (`pipelines.launch_ray`).
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg

from mlpo_core.chain.lifeline import VARIABLE
from mlpo_core.chain.run import lookup
from mlpo_core.chain.spec import Outcome, Spec
from mlpo_core.errors import Transient
from pipelines.launch_ray import reason_given, run_on_ray

COMMAND = (sys.executable, "-m", "mlpo_core")
MAX_RETRIES = 3
FIRST_WAIT_S = 10.0
GRACE_S = 3.0
"""Between asking a group to end and killing it."""
_REPOSITORY = Path(__file__).resolve().parents[1]
_BAD_INPUT, _TRANSIENT = 2, 75


def launch(context: dg.AssetExecutionContext, spec: Spec, *, holds_model: bool = False) -> Outcome:
    """Run the phase that makes `spec`; its log lines arrive in the run as they are written.

    Args:
        context: Of the asset that is made.
        spec: What is asked for.
        holds_model: Whether it may need an accelerator, which a cluster has on some of its nodes only.

    Raises:
        Failure: The phase refused its input (exit code 2) or broke; never retried.
        RetryRequested: The phase said that it may succeed later (exit code 75).
    """
    with tempfile.TemporaryDirectory(prefix="mlpo-") as folder:
        spec_file = Path(folder) / "spec.json"
        spec_file.write_text(spec.model_dump_json())
        if spec.experiment.launcher == "ray":
            code, reason = run_on_ray(context, spec_file, holds_model=holds_model)
        else:
            code, reason = _run(context, spec_file)
    if code == _TRANSIENT:
        wait = FIRST_WAIT_S * 4**context.retry_number
        failure = Transient(reason or "the phase gave no reason")
        context.log.warning(f"{spec.asset}: temporary failure: {failure}")
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait) from failure
    if code != 0:
        raise dg.Failure(description=reason or _how_it_ended(spec.asset, code), allow_retries=False)
    outcome = lookup(spec)
    if outcome is None:
        raise dg.Failure(description=f"{spec.asset}: the phase ended well, but its version is not there")
    return outcome.model_copy(update={"reused": False})


def _run(context: dg.AssetExecutionContext, spec_file: Path) -> tuple[int, str | None]:
    """The phase's exit code, and the reason that it gave for a failure."""
    lifeline, held = os.pipe()
    try:
        with dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=dg.PipesTempFileMessageReader(),
        ) as session:
            process = subprocess.Popen(  # noqa: S603 - a command of our own, no shell
                [*COMMAND, "run", "--spec", str(spec_file)],
                env={**_environment(), **session.get_bootstrap_env_vars(), VARIABLE: str(lifeline)},
                pass_fds=(lifeline,),
                start_new_session=True,
            )
            try:
                code = process.wait()
            finally:
                end_group(process)
    finally:
        os.close(lifeline)
        os.close(held)
    return code, reason_given(session.get_custom_messages())


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started: ask, wait `GRACE_S`, kill. Nothing to do when all of it is gone."""
    for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        deadline = time.monotonic() + patience
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return


def _environment() -> dict[str, str]:
    """This process's own, with the repository importable from wherever Dagster was started.

    Libraries' progress bars are for terminals; what a phase itself reports arrives as log lines.
    """
    paths = [str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TQDM_DISABLE": "1"}


def _how_it_ended(asset: str, code: int) -> str:
    if code == -signal.SIGKILL:
        return f"{asset}: the phase was killed (SIGKILL): by the system, if it ran out of memory"
    if code < 0:
        return f"{asset}: the phase was ended by {signal.Signals(-code).name}"
    return f"{asset}: the phase broke with exit code {code}; its traceback is in this step's stderr"
