"""The code of others that an experiment names: what of it a stage runs is in its key, and only a file may name it."""

from typing import NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.proposals import MAJORITY_WRONG
from mlpo_core.experiment.training import AS_DRAWN, BUILT_IN_TERMS, HARD_LAST
from mlpo_core.methods import plugged_in
from mlpo_core.plugins import FILTERS, METHODS, ORDERS, REWARDS, fingerprint


class Named(NamedTuple):
    """A plug-in that a setting names. `group` are the entry points in which a name without a colon is looked up."""

    field: str
    path: str
    group: str

    def code(self) -> str:
        """Which code it is, read and not run.

        Raises:
            BadInput: There is none.
        """
        return f"{self.path}={fingerprint(self.path, self.field, self.group)}"


def plugged(experiment: Experiment) -> list[Named]:
    """The plug-ins that an experiment names, or what a stage sees of one. Runs none of them."""
    found: list[Named] = []
    for name in ("mlpo", "grpo", "score"):
        terms = getattr(getattr(experiment, name, None), "term_names", ())
        found += [Named(f"{name}.reward.{i}", t, REWARDS) for i, t in enumerate(terms) if t not in BUILT_IN_TERMS]
    keep = getattr(getattr(experiment, "filter", None), "keep", "")
    if keep and keep != MAJORITY_WRONG:
        found.append(Named("filter.keep", keep, FILTERS))
    curriculum = getattr(getattr(experiment, "mlpo", None), "curriculum", AS_DRAWN)
    if curriculum not in (AS_DRAWN, HARD_LAST):
        found.append(Named("mlpo.curriculum", curriculum, ORDERS))
    if hasattr(experiment, "benchmark"):
        found += [Named(field, path, METHODS) for field, path in plugged_in(experiment).items()]
    return found


def code_of(experiment: Experiment) -> str:
    """A fingerprint of all plug-ins that an experiment names; empty where there are none."""
    return "".join(f"+{text}" for text in sorted({named.code() for named in plugged(experiment)}))


def require_from_file(experiment: Experiment, plain: Experiment) -> None:
    """Refuse code that an experiment's file does not name: an override must not be able to run any.

    Args:
        experiment: With overrides.
        plain: The same without.

    Raises:
        BadInput: Names the setting and the code.
    """
    known = {(named.group, named.path) for named in plugged(plain)}
    for named in plugged(experiment):
        if (named.group, named.path) not in known:
            raise BadInput(
                f"{named.field}: {named.path}: code is named by an experiment's file only, never by --set or a "
                "partition's name. Write it into the file"
            )
