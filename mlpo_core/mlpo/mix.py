"""`mlpo.mix`: of the prompts that could be made, those that are, so that their classes have the shares asked for.

As many are drawn as the scarcest class allows: no prompt stands twice, and the shares hold to one prompt. Prompts
without a team are drawn in proportion, so that `mlpo.solo_share` holds too.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Mix
from mlpo_core.prompts.budget import Proposal
from mlpo_core.types import stable_id

SOLO = "solo"
"""Class of the prompts without a team."""


class Slot(NamedTuple):
    """A prompt that could be made: the j-th of its task."""

    task_id: str
    variant: int


class Drawn(NamedTuple):
    """What is made.

    Attributes:
        slots: Its prompts, those without a team too.
        there: Team prompts by class.
        drawn: The same of those that are made.
        scarcest: The class that allows no more of the others.
    """

    slots: frozenset[Slot]
    there: dict[str, int]
    drawn: dict[str, int]
    scarcest: str

    def __str__(self) -> str:
        taken, there = sum(self.drawn.values()), sum(self.there.values())
        scarce = f"{self.scarcest}, of which there are {self.there[self.scarcest]}"
        return f"mlpo.mix: {taken} of {there} team prompts; {scarce}, allows no more"


def kind(proposals: Sequence[Proposal]) -> str:
    """The class of a team prompt, a field of `Mix`. Wrong answers are compared as they are written."""
    right = sum(proposal.correct for proposal in proposals)
    if right in (0, len(proposals)):
        return "all_right" if right else "none_right"
    wrong = Counter(" ".join(p.extracted.split()).casefold() for p in proposals if p.extracted and not p.correct)
    most = max(wrong.values(), default=0)
    return "majority_right" if right > most else "tied" if right == most else "majority_wrong"


def draw(mix: Mix, seed: int, candidates: Iterable[tuple[Slot, str]]) -> Drawn:
    """Choose among the prompts that could be made, by hashes: the same ones in whatever order they come.

    Args:
        mix: The shares.
        seed: The experiment's.
        candidates: Prompts, and the class of each: of `Mix`, or `SOLO`.

    Raises:
        BadInput: A class has too few; names it, and what there is.
    """
    slots: dict[str, list[Slot]] = {name: [] for name in (*Mix.model_fields, SOLO)}
    for slot, name in candidates:
        slots[name].append(slot)
    there = {name: len(slots[name]) for name in Mix.model_fields}
    shares = {name: share / sum(mix.shares.values()) for name, share in mix.shares.items()}
    scarcest = min(shares, key=lambda name: there[name] / shares[name])
    total = math.floor(there[scarcest] / shares[scarcest] + 1e-9)
    counts = _whole(shares, total)
    if lacking := [name for name in shares if not counts[name]]:
        found = ", ".join(f"{name} {count}" for name, count in there.items())
        raise BadInput(
            f"mlpo.mix: {shares[lacking[0]]:.3g} of the team prompts are to be {lacking[0]}, but for that there are "
            f"too few of {scarcest} (there are: {found}). Leave {scarcest} out or lower its share, change filter and "
            "mlpo.variants, or give more training tasks"
        )
    alone = round(len(slots[SOLO]) * total / sum(there.values()))
    chosen = {
        slot
        for name, count in {**counts, SOLO: alone}.items()
        for slot in sorted(slots[name], key=lambda slot: stable_id("mix", seed, *slot))[:count]
    }
    return Drawn(frozenset(chosen), there, counts, scarcest)


def _whole(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers with these shares that add up to `total`: what is left goes to the largest remainders."""
    counts = {name: math.floor(share * total + 1e-9) for name, share in shares.items()}
    by_rest = sorted(shares, key=lambda name: counts[name] - shares[name] * total)
    for name in by_rest[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
