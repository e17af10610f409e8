"""A training run that kills its own process: `python -m tests.core.training.killed ROOT ASSET STEP step|save`.

With a fifth argument `rounds` the team revises during it.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from mlpo_core.training import fit, mlpo, resume, score, sft
from tests.core.training import small

RUN = {"sft_leader": sft.run, "mlpo_leader": mlpo.run, "score_leader": score.run}
ROUNDS = {
    "team": {"agents": [{"name": "a", "model": "agent"}, {"name": "b", "model": "agent"}]},
    "mlpo": {"rounds": 3, "refresh_steps": 2},
    "proposals": {"max_new_tokens": 8},
}
"""Sections of a training in which the team revises."""


def main(root: str, asset: str, step: int, where: str, sections: dict[str, Any]) -> None:
    """Run the stage over the input versions below `root`, and die."""
    inputs = small.Inputs(root)
    for name in ("base_models", "sft_dataset", "mlpo_dataset", "tasks", "hard_tasks", "mlpo_leader"):
        if ref := inputs.store.find(name, "input"):
            inputs.refs[name] = ref
    small.grade_by_letters()

    class Kill(fit.StopOnBadGradient):
        """Rides on a callback that every training has."""

        def on_step_end(self, args, state, control, **_) -> None:
            if where == "step" and state.global_step == step:
                os.kill(os.getpid(), signal.SIGKILL)

    fit.StopOnBadGradient = Kill
    mark = resume.mark

    def mark_or_die(folder: Path) -> None:
        if where == "save" and folder.name == f"checkpoint-{step}":
            os.kill(os.getpid(), signal.SIGKILL)
        mark(folder)

    resume.mark = mark_or_die
    RUN[asset](inputs.context(asset, small.experiment(**sections)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], ROUNDS if "rounds" in sys.argv[5:] else {})
