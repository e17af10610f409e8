"""Run one phase as a job on a Ray cluster: `python -m mlpo_core run --spec …` again, started through Ray's Jobs API.

`RAY_ADDRESS` names the cluster (`http://HOST:8265`). Code and spec are sent along; the libraries must be there, and the
root must be one that every node reaches. The job stops with the run.

A job is on the head node unless it asks for something: `MLPO_RAY_GPUS` says how many GPUs a phase that holds a
model asks for, so that a head without any sends it to a worker.
"""

import os
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

import mlpo_core
from mlpo_core.errors import BadInput, missing_extra

GPUS = "MLPO_RAY_GPUS"
"""Environment variable: GPUs that a phase which holds a model asks for; unset, it asks for none."""
_CODE = Path(mlpo_core.__file__).parent
_POLL_S = 1.0


def run_on_ray(
    context: dg.AssetExecutionContext, spec_file: Path, *, holds_model: bool = False
) -> tuple[int, str | None]:
    """The phase's exit code, and the reason that it gave for a failure.

    Args:
        context: Of the asset that is made.
        spec_file: What the phase is asked for.
        holds_model: Whether it asks for GPUs, where `MLPO_RAY_GPUS` says how many.

    Raises:
        BadInput: Ray or dagster-ray is not installed, which names the extra; or `MLPO_RAY_GPUS` is no number.
    """
    try:
        from dagster_ray.core.pipes import PipesRayJobClient, PipesRayJobMessageReader
    except ImportError as error:
        raise missing_extra("dagster-ray", "ray") from error

    gpus = _gpus() if holds_model else 0.0

    class Reader(PipesRayJobMessageReader):
        """Keeps what the phase said, also when the job failed."""

        messages: Sequence[Any] = ()

        @contextmanager
        def read_messages(self, handler: dg.PipesMessageHandler) -> Generator[Any]:
            try:
                with super().read_messages(handler) as parameters:
                    yield parameters
            finally:
                self.messages = handler.get_custom_messages()

    reader = Reader()
    client = PipesRayJobClient(message_reader=reader, poll_interval=_POLL_S)
    job = f"mlpo-{uuid.uuid4().hex[:12]}"
    try:
        client.run(
            context=context,
            submit_job_params={
                "entrypoint": f"python -m mlpo_core run --spec {spec_file.name}",
                "submission_id": job,
                "entrypoint_num_gpus": gpus,
                "runtime_env": {
                    "working_dir": str(spec_file.parent),
                    "py_modules": [str(_CODE)],
                    "env_vars": {"TQDM_DISABLE": "1"},
                },
            },
        )
    except RuntimeError:
        code = client.client.get_job_info(job).driver_exit_code
        return 1 if code is None else code, reason_given(reader.messages)
    return 0, None


def _gpus() -> float:
    """What a job that holds a model asks for."""
    given = os.environ.get(GPUS, "")
    try:
        return float(given or 0)
    except ValueError:
        raise BadInput(f"{GPUS} is {given!r}: expected a number of GPUs, such as 1") from None


def reason_given(messages: Sequence[Any]) -> str | None:
    """Why a phase failed, in its own words (`mlpo_core.progress.report_failure`)."""
    own = [message for message in messages if isinstance(message, dict)]
    return next((str(message["failure"]) for message in own if "failure" in message), None)
