"""`push_to_hub`: to which repositories of the Hugging Face hub a leader, its traces and its rollouts may be sent."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mlpo_core.experiment.section import Section

_Repository = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95})?$", max_length=193)
]


class PushToHub(Section):
    """Where `mlpo push` sends. Without this section it sends nothing, and nothing else ever does.

    Read from the experiment's file alone, never from `--set` or a sweep; in no version's key.
    """

    leader: _Repository = ""
    """`OWNER/NAME` of the model repository for the folder of `published_leader`; empty: it is not sent."""
    sft: _Repository = ""
    """`OWNER/NAME` of the dataset repository for the traces of `sft_dataset`; empty: they are not sent."""
    rollouts: _Repository = ""
    """`OWNER/NAME` of the dataset repository for the rollouts that `mlpo_leader` keeps; empty: they are not sent."""
    private: bool = True
    """Whether repositories are private. One that is there and public is refused then, not filled; one that is there
    and private stays so."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if not self.leader and not self.sft and not self.rollouts:
            raise ValueError("names no repository: give leader, sft or rollouts: OWNER/NAME, or several")
        return self
