"""The deferral leader learns to name the member of the team to trust, by fine-tuning on MLPO's own team prompts.

It starts from the leader that MLPO starts from. A prompt under which some shown answers are right and some are wrong is
answered with the number of one that is right, drawn by seed; where all or none are right there is nobody to choose.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.context import Context
from mlpo_core.methods.deferral_leader import naming
from mlpo_core.training.sft import Example, tune
from mlpo_core.types import stable_seed

_COLUMNS = ("prompt_id", "split", "mode", "proposal_ids", "prompt")


def run(ctx: Context) -> dict[str, Any]:
    """Fine-tune the leader to defer, with the settings in `sft`, and write its checkpoint and training log."""
    return tune(
        ctx,
        _examples(ctx),
        "prompts",
        "mlpo_dataset: under no team prompt some shown answers are right and others wrong, so there is nobody to "
        "choose. Give more training tasks, or leave deferral_leader out of benchmark.methods",
    )


def _examples(ctx: Context) -> Iterator[Example]:
    prompts = [r for r in ctx.inputs["mlpo_dataset"].rows(_COLUMNS) if r["split"] == "train" and r["mode"] == "team"]
    right = _right(ctx, {i for row in prompts for i in row["proposal_ids"]})
    for row in prompts:
        trusted = [seat for seat, proposal in enumerate(row["proposal_ids"]) if proposal in right]
        if 0 < len(trusted) < len(row["proposal_ids"]):
            drawn = stable_seed("trust", ctx.experiment.seed, row["prompt_id"]) % len(trusted)
            yield Example(row["prompt_id"], row["prompt"], [(naming(trusted[drawn]), True)])


def _right(ctx: Context, shown: set[str]) -> set[str]:
    """Which of the shown proposals are right."""
    wanted = pa.array(sorted(shown), pa.string())
    found: set[str] = set()
    for batch in ctx.inputs["agent_proposals"].batches(["proposal_id", "correct"]):
        kept = batch.filter(pc.and_(batch["correct"], pc.is_in(batch["proposal_id"], wanted)))
        found.update(kept["proposal_id"].to_pylist())
    return found
