"""MLPO and SCoRe in every process of `torchrun --nproc_per_node 2 -m tests.core.training.two_processes ROOT`.

MLPO once with the policy's own completions under `ROOT`, then both with given ones under `ROOT/given`.
"""

import sys
from collections.abc import Sequence
from typing import Any

from accelerate import Accelerator, PartialState
from accelerate.utils import gather_object

from mlpo_core.experiment import Experiment
from mlpo_core.training import dealing, leader_trainer, mlpo, score, skipping
from mlpo_core.types import stable_seed
from tests.core.training import small

GROUP = 4
FIRST_LETTER, LETTERS = 6, 52
"""Token ids of letters in the character tokenizer."""


def experiment() -> Experiment:
    """Four groups a step, each a micro-batch of its own, in an order that leaves one process none that carries anything
    and the other two, twice."""
    own = {"prompts_per_step": 4, "group_size": GROUP, "micro_batch_size": GROUP}
    return small.experiment(seed=2, mlpo=own, benchmark={"methods": ["score_leader"]})


def give_completions() -> None:
    """Completions that only prompt and row of the group decide; those of half the prompts are all equally right."""
    leader_trainer.sample = _given  # what samples in one process samples otherwise in two


def uneven_work() -> tuple[list[int], list[int], list[int]]:
    """From now on: the backward passes of this process, how many groups carried an advantage in each, and of how many
    processes the groups of a step were dealt."""
    backward, keep, gathered = Accelerator.backward, skipping.keep, dealing.gathered
    passes: list[int] = []
    counts: list[int] = []
    dealt: list[int] = []

    def counted(self: Accelerator, *arguments: Any, **options: Any) -> None:
        passes.append(1)
        backward(self, *arguments, **options)

    def seen(inputs: Any, carrying: Any, *arguments: Any) -> Any:
        counts.append(int(carrying.sum()))
        return keep(inputs, carrying, *arguments)

    def exchanged(batches: Any, *arguments: Any) -> Any:
        dealt.append(len(batches))
        return gathered(batches, *arguments)

    Accelerator.backward, skipping.keep, dealing.gathered = counted, seen, exchanged
    return passes, counts, dealt


def main(root: str) -> None:
    """Run the stage over the input versions below `root` in every process."""
    inputs = small.Inputs(root)
    for name in ("base_models", "mlpo_dataset", "tasks", "hard_tasks", "mlpo_leader"):
        ref = inputs.store.find(name, "input")
        assert ref
        inputs.refs[name] = ref
    small.grade_by_letters()
    mlpo.run(inputs.context("mlpo_leader", small.experiment()))
    assert PartialState().num_processes == 2

    give_completions()
    passes, counts, dealt = uneven_work()
    mlpo.run(inputs.under(f"{root}/given").context("mlpo_leader", experiment()))
    everywhere: list[tuple[int, list[int]]] = gather_object([(len(passes), counts)])
    (first, mine), (second, others) = everywhere
    assert first == second == 6 * 2, f"backward passes: {everywhere}"
    assert mine != others, f"both processes skipped alike, which shows nothing: {everywhere}"
    assert 2 in dealt, f"no step had to be dealt anew, which shows nothing: {dealt}"
    for start in range(0, 12, 2):  # two micro-batches are a step
        assert abs(sum(mine[start : start + 2]) - sum(others[start : start + 2])) <= 1, everywhere
        assert mine[start] >= mine[start + 1] and others[start] >= others[start + 1], everywhere
    score.run(inputs.under(f"{root}/given").context("score_leader", experiment()))


def _given(_: Any, prompts: Sequence[Sequence[int]], *__: Any) -> list[list[int]]:
    made: list[list[int]] = []
    for number, prompt in enumerate(prompts):
        row = 0 if stable_seed(*prompt) % 2 else number % GROUP
        made.append([FIRST_LETTER + stable_seed(*prompt, row, place) % LETTERS for place in range(6)])
    return made


if __name__ == "__main__":
    main(sys.argv[1])
