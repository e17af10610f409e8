"""The Python API: an experiment from a script or a notebook. What it offers is imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo.api import grade, load_experiment, made, report, run
    from mlpo_core.errors import BadInput, NotMade, Transient
    from mlpo_core.experiment import Experiment
    from mlpo_core.store import Dataset, Store
    from mlpo_core.types import Verdict

__all__ = [
    "BadInput",
    "Dataset",
    "Experiment",
    "NotMade",
    "Store",
    "Transient",
    "Verdict",
    "grade",
    "load_experiment",
    "made",
    "report",
    "run",
]

_PLACES = {
    **dict.fromkeys(("grade", "load_experiment", "made", "report", "run"), "mlpo.api"),
    **dict.fromkeys(("BadInput", "NotMade", "Transient"), "mlpo_core.errors"),
    **dict.fromkeys(("Dataset", "Store"), "mlpo_core.store"),
    "Experiment": "mlpo_core.experiment",
    "Verdict": "mlpo_core.types",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"mlpo has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
