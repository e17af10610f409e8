"""Where an asset's code is, and why it is as it is: links that the UI shows beside the asset."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from mlpo_core.chain.stages import STAGES

_REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = "MLPO_SOURCE_URL"
"""Environment variable: where a git host shows the repository's files, such as `https://HOST/OWNER/NAME/blob/COMMIT`."""
PAPER = "https://arxiv.org/abs/2507.08960"
WHY: Mapping[str, str] = {
    "tasks": "transfer",
    "base_models": "laboratory",
    "agent_proposals": "grading",
    "hard_tasks": "grading",
    "sft_dataset": "grading",
    "sft_leader": "scaling",
    "mlpo_dataset": "rounds",
    "mlpo_leader": "speed",
    "grpo_leader": "speed",
    "deferral_leader": "scaling",
    "score_leader": "score",
    "benchmark_proposals": "grading",
    "team_rounds": "rounds",
    "dev_rounds": "rounds",
    "benchmark_predictions": "statistics",
    "benchmark_report": "statistics",
    "published_leader": "publishing",
}
"""The page in docs/decisions that says most about an asset."""


def code_references(asset: str) -> dg.CodeReferencesMetadataValue:
    """The file with the asset's function, and the page with its decisions: on the git host, or to open in an editor.

    A path is of use only where the browser runs on the machine of the code location.
    """
    module = STAGES[asset].function.partition(":")[0].replace(".", "/")
    source = next(f for f in (f"{module}.py", f"{module}/__init__.py") if (_REPOSITORY / f).exists())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # a user can do nothing about it
        return dg.CodeReferencesMetadataValue(
            code_references=[_reference(file) for file in (source, f"docs/decisions/{WHY[asset]}.md")]
        )


def _reference(file: str) -> dg.LocalFileCodeReference | dg.UrlCodeReference:
    if base := os.environ.get(SOURCE, "").rstrip("/"):
        return dg.UrlCodeReference(url=f"{base}/{file}", label=file)
    return dg.LocalFileCodeReference(file_path=str(_REPOSITORY / file), label=file)
