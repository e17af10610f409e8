"""What the function of a stage gets."""

from dataclasses import dataclass
from typing import Literal

from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset, Store, Writer
from mlpo_core.store.answers import Answers


@dataclass(frozen=True)
class Context:
    """What a stage's function gets.

    Attributes:
        experiment: Holds only the sections that the stage declares.
        inputs: The stage's input versions, lazily readable; an input that does not apply is absent.
        writer: Where it writes its parts and files.
        store: The root, for stages that read more than their inputs.
        partition: Name of the experiment's partition.
        launcher: Where the work is done; says nothing about what comes of it.
        sharding: How several processes that train divide the weights among them.
        answers: What endpoints have answered before, and where new answers are kept; None keeps none.
        trackers: Who is told the figures of a training; says nothing about what comes of it either.
    """

    experiment: Experiment
    inputs: dict[str, Dataset]
    writer: Writer
    store: Store
    partition: str
    launcher: Literal["local", "torchrun", "ray"] = "local"
    sharding: Literal["none", "fsdp2"] = "none"
    answers: Answers | None = None
    trackers: tuple[str, ...] = ()
