"""`tasks`: where an experiment's tasks come from."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mlpo_core.experiment.section import Location, Name, Section, Seed, Share


class TaskSource(Section):
    """Where the tasks of one benchmark come from, and how many to use."""

    benchmark: Literal["bbh", "math", "mmlu", "mmlu_pro", "procedural"]
    source: Location = "hub"
    """`hub`, a path or URL of published files (`$MLPO_DATA_DIR` is expanded), or `recorded`: the folder that
    `engine.recorded` names. `procedural` needs none."""
    revision: str = "main"
    seed: Seed | None = None
    """Of generated tasks. None: the experiment's seed, filled in when the experiment is read."""
    subjects: tuple[str, ...] = ()
    """BBH tasks, MMLU subjects or procedural families; empty means all."""
    train: int | None = Field(default=None, ge=0)
    """At most this many training tasks (None: all there are; required for `procedural`)."""
    dev: int | None = Field(default=None, ge=0)
    test: int | None = Field(default=None, ge=0)
    divide_test: bool = False
    """Divide a published test set because its train files are not at hand. The report says so."""
    shares: tuple[Share, Share, Share] = (0.6, 0.1, 0.3)
    """Train, dev and test, where tasks are divided by hash. Only the ratio of train to dev counts where a published
    test set stays whole. Ours: the paper's splits are not public."""
    family_options: dict[str, dict[str, Any]] = Field(default={})
    """Procedural families: generator options by family."""
    answered_by: tuple[Name, ...] = ()
    """`source: recorded`: keep only the tasks that all these agents answered. Empty: the recorded agents of the team,
    filled in when the experiment is read."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError("shares must sum to 1")
        if self.benchmark == "procedural" and None in (self.train, self.dev, self.test):
            raise ValueError("procedural tasks need train, dev and test: how many to generate of each")
        return self
