"""`inference` and `benchmark`: how rounds are run, and what is compared."""

from pydantic import Field

from mlpo_core.experiment.section import Count, Section, Seed


class Stop(Section):
    """When `mlpo_leader/adaptive` has heard enough. How it stops is chosen on dev tasks, for a price."""

    price: float = Field(ge=0)
    """What a thousand tokens of an answer must bring: 0.02 is two more right answers in a hundred; 0 spares none."""


class Inference(Section):
    """The T-round loop. `rounds` counts the first: T=1 is round 0 only."""

    rounds: Count = 5
    temperature: float = Field(default=0.0, ge=0)
    """Of the leader."""
    vote_temperature: float = Field(default=0.7, gt=0)
    """Of the leader where its own samples are voted on."""
    agent_temperature: float = Field(default=0.7, ge=0)
    stop: Stop | None = None
    """For `mlpo_leader/adaptive`, which asks and goes on only as far as that pays. None: it is not run."""


class Benchmark(Section):
    """What is compared on the test split."""

    methods: tuple[str, ...] = ("single", "majority_vote", "any_correct", "best_of_team")
    votes: tuple[Count, ...] = ()
    """Vote sizes n of `majority_vote@n`; empty: K, 4K, 20 and 40 where the samples allow."""
    seeds: tuple[Seed, ...] = (1,)
    latency_tasks: int = Field(default=0, ge=0, le=50)
    """Time the methods that generate on so many tasks, one query at a time; 0 measures no latency."""
    claims: tuple[tuple[str, str], ...] = ()
    """Pairs (method, against) tested and Holm-corrected; empty: the MLPO leader with its team against every other.
    A method with rounds is tested at T=1 and at its last T, or at the one named: `mlpo_leader/team T=1`."""
