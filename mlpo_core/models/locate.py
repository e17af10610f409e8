"""Where a model of an experiment is loaded from."""

from typing import Any, NamedTuple

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Leader
from mlpo_core.models.references import local_path
from mlpo_core.store import Dataset

LOCAL = "sha256:"
"""Prefix of the revision of a local checkpoint: the digest of its files."""


class Located(NamedTuple):
    """Where a model is loaded from: a local checkpoint folder or a hub id, and the hub revision."""

    model: str
    revision: str | None


def locate(base_models: Dataset, name: str) -> Located:
    """What to load for an agent, or for `leader`.

    Raises:
        BadInput: Nobody of that name is in this version, or only their recorded responses are at hand.
    """
    row = next((r for r in base_models.rows() if r["name"] == name), None)
    if row is None:
        raise BadInput(f"{base_models.ref.url}: no model is called {name!r}. Materialize base_models again.")
    if row["path"]:
        return Located(str(base_models.local_folder(row["path"])), None)
    if row["model"].startswith("recorded:"):
        raise BadInput(
            f"team.agents: {name} is recorded: it has responses but no model, so nothing new can be generated"
        )
    if row["revision"].startswith(LOCAL):
        return Located(str(local_path(row["model"])), None)
    return Located(row["model"], row["revision"] or None)


def leader_tokenizer(ctx: Context, leader: Leader) -> Any:
    """The base leader's tokenizer."""
    return tokenizer_of(locate(ctx.inputs["base_models"], "leader"), leader.trust_remote_code)


def tokenizer_of(found: Located, trust_remote_code: bool) -> Any:
    """The tokenizer of a model."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(found.model, revision=found.revision, trust_remote_code=trust_remote_code)
