"""`trackers`: who is told the figures of a training while it runs."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Literal

from mlpo_core.errors import BadInput

Tracker = Literal[
    "azure_ml",
    "clearml",
    "codecarbon",
    "comet_ml",
    "dagshub",
    "dvclive",
    "flyte",
    "kubeflow",
    "mlflow",
    "neptune",
    "swanlab",
    "tensorboard",
    "trackio",
    "wandb",
]
"""What transformers can report to."""
_EXTRAS = ("tensorboard", "wandb")
_MODULES = {"azure_ml": "azureml", "flyte": "flytekit"}
_NO_PACKAGE = ("kubeflow",)


def require(trackers: Iterable[str]) -> None:
    """Refuse trackers whose packages are not installed here.

    Raises:
        BadInput: One is not; says how it is installed.
    """
    for name in trackers:
        module = _MODULES.get(name, name)
        if name not in _NO_PACKAGE and find_spec(module) is None:
            what = f"'mlpo[{name}]'" if name in _EXTRAS else module
            raise BadInput(f"trackers: {name} is not installed where this runs: pip install {what}, or leave it out")
