"""The MLPO stage under torchrun: `torchrun --nproc_per_node 2 -m tests.core.training.two_processes ROOT`."""

import sys

from accelerate import PartialState

from mlpo_core.training import mlpo
from tests.core.training import small


def main(root: str) -> None:
    """Run the stage over the input versions below `root` in every process."""
    inputs = small.Inputs(root)
    for name in ("base_models", "mlpo_dataset"):
        ref = inputs.store.find(name, "input")
        assert ref
        inputs.refs[name] = ref
    small.grade_by_letters()
    mlpo.run(inputs.context("mlpo_leader", small.experiment()))
    assert PartialState().num_processes == 2


if __name__ == "__main__":
    main(sys.argv[1])
