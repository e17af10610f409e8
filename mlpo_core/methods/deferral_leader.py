"""`deferral_leader`: a leader trained to name the member of the team to trust; its answer is that member's answer."""

import re
from collections.abc import Sequence

from mlpo_core.methods.leaders import Led
from mlpo_core.methods.protocol import Dialogue

NAME = "deferral_leader"
_NAMED = re.compile(r"<answer>\s*(\d{1,4})\s*</answer>")


def deferral_leader(team: tuple[str, ...]) -> Led:
    """The method of a team: one round, for it writes nothing that an agent could revise its answer by."""
    return Led(NAME, Dialogue(NAME, team, "leader", NAME, defers=True))


def naming(seat: int) -> str:
    """What the leader writes to trust a seat (0-based): the number that the prompt gives its answer."""
    return f"<answer>{seat + 1}</answer>"


def deferred_to(response: str, answers: Sequence[str]) -> str:
    """The answer that a response defers to; empty when it names nobody of the team, which counts as no answer."""
    named = _NAMED.findall(response)
    seat = int(named[-1]) - 1 if named else -1
    return answers[seat] if 0 <= seat < len(answers) else ""
