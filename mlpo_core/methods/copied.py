"""An answer copied from one proposal: what methods that pick an agent give."""

from collections.abc import Iterator, Sequence

from mlpo_core.methods.evidence import Shard
from mlpo_core.methods.protocol import Answer, Seed


def copied(shard: Shard, seed: Seed, agents: Sequence[int]) -> Iterator[Answer]:
    """The seed's sample of one agent per task.

    Args:
        shard: The tasks.
        seed: Decides the sample.
        agents: Position of the agent to copy, per task.
    """
    sample = seed.position % shard.samples
    for task, agent in enumerate(agents):
        cell = (task, agent, sample)
        yield Answer(
            task,
            [shard.cube.proposal_id[cell]],
            shard.cube.response[cell],
            shard.cube.extracted[cell],
            bool(shard.cube.correct[cell]),
            1,
            *shard.cube.cost(task, agent, sample),
        )
