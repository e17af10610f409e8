"""What is asked of a leader: by which method, in how many rounds, and how its answer is sampled."""

import re
from typing import Literal, NamedTuple

from mlpo_core.serving.refusal import Refusal

MOST_ROUNDS = 20
"""A question costs so many times K + 1 calls at most."""
METHODS = ("mlpo", "solo", "vote", "adaptive")
_METHOD = re.compile(r"(mlpo|solo|vote|adaptive)(?:@T=(\d{1,4}))?")


class Plan(NamedTuple):
    """How a question is answered.

    Attributes:
        method: `mlpo`: the leader with its team; `solo`: the leader alone; `vote`: the team without it; `adaptive`: the
            leader with as much of its team as pays.
        rounds: T, at most where the method is `adaptive`; 1 where there are none.
    """

    method: Literal["mlpo", "solo", "vote", "adaptive"]
    rounds: int


class Wishes(NamedTuple):
    """What whoever asks wants otherwise than the experiment; None leaves it as it is.

    Attributes:
        seed: Of the sampling. None: the experiment's first evaluation seed, as in the benchmark.
        temperature: Of the leader.
        top_p: Of the leader.
        max_tokens: Of the final answer; never more than `leader.max_new_tokens`.
        stop: Texts before which the answer ends.
    """

    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


def parse(method: str, rounds: int) -> Plan:
    """The plan that `mlpo`, `mlpo@T=2`, `solo`, `vote` or `adaptive` means; `rounds` is the experiment's own T.

    Raises:
        Refusal: There is no such method, or T is out of bounds.
    """
    found = _METHOD.fullmatch(method)
    if not found or (found[2] and found[1] != "mlpo"):
        raise Refusal(
            f"no method {method!r:.60}: there are mlpo, mlpo@T=1 (or more), solo, vote, adaptive", param="model"
        )
    if found[1] in ("solo", "vote"):
        return Plan("solo" if found[1] == "solo" else "vote", 1)
    wanted = int(found[2]) if found[2] else rounds
    if not 1 <= wanted <= MOST_ROUNDS:
        raise Refusal(f"T={wanted}: rounds go from 1 to {MOST_ROUNDS}", param="model")
    return Plan("adaptive" if found[1] == "adaptive" else "mlpo", wanted)
