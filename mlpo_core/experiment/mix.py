"""`mlpo.mix`: which share of the leader's team prompts shows right and wrong answers."""

import math
from typing import Self

from pydantic import model_validator

from mlpo_core.experiment.section import Section, Share


class Mix(Section):
    """Shares of the training prompts with a team, by what the answers that they show say; they add up to 1."""

    all_right: Share = 0.0
    """Every shown answer is right."""
    majority_right: Share = 0.0
    """Not all are right, and the right answer is more frequent than every wrong one."""
    tied: Share = 0.0
    """The right answer is as frequent as the most frequent wrong one."""
    majority_wrong: Share = 0.0
    """Some are right, and a wrong answer is more frequent than the right one."""
    none_right: Share = 0.0
    """No shown answer is right."""

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if not math.isclose(total := sum(self.shares.values()), 1, abs_tol=1e-6):
            raise ValueError(f"the shares add up to {total:g}, not to 1 ({', '.join(type(self).model_fields)})")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """By class, what of the prompts it is to be; the classes of which there are to be none are left out."""
        shares: dict[str, float] = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: share for name, share in shares.items() if share}
