"""A filter: the tasks on which the agents disagree."""

from collections.abc import Sequence

from mlpo_core.proposals.keeping import Answer


def disputed(answers: Sequence[Answer]) -> bool:
    """Whether two agents have given different answers."""
    return len({answer.extracted for answer in answers}) > 1
