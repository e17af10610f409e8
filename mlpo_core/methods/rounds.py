"""Reads the answers after T = 1, 2, … rounds out of a T-round run, with what each had cost by then."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from mlpo_core.methods.evidence import Cost, Shard
from mlpo_core.methods.protocol import Dialogue, Seed

_COSTS = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens", "amortised_s")


class Seat(NamedTuple):
    """The current answer of one seat."""

    id: str
    response: str
    extracted: str | None
    correct: bool


class AfterRound(NamedTuple):
    """A run as it stands after T rounds.

    Attributes:
        task: Position in the shard.
        rounds: T.
        seats: The answers that were current in the last round.
        leader: Rows of the leader, one per round so far; empty without a leader.
        calls: Seats' generations so far, round 0 included.
        cost: Of those calls.
    """

    task: int
    rounds: int
    seats: list[Seat]
    leader: list[dict[str, Any]]
    calls: int
    cost: Cost


def replay(shard: Shard, method: str, dialogue: Dialogue, seed: Seed) -> Iterator[AfterRound]:
    """Every task's run after every round, in order of task and round."""
    positions = {name: i for i, name in enumerate(shard.agents)}
    for i, task in enumerate(shard.tasks):
        agents = [positions[name] for name in dialogue.seats]
        samples = [dialogue.sample(seed, seat, shard.samples) for seat in range(len(agents))]
        cost = shard.cube.cost(i, agents, samples)
        seats = [_proposed(shard, (i, agent, sample)) for agent, sample in zip(agents, samples, strict=True)]
        leader: list[dict[str, Any]] = []
        calls = len(seats)
        done = 0
        while True:
            if done:
                revised = shard.rounds.get((dialogue.talk, seed.value, task.task_id, done), [])
                revised = [row for row in revised if row["role"] == "agent"]
                if not revised:
                    break
                seats = [Seat(r["generation_id"], r["response"], r["extracted"], r["correct"]) for r in revised]
                calls += len(revised)
                cost = add(cost, revised)
            if dialogue.leader:
                rows = shard.rounds.get((method, seed.value, task.task_id, done), [])
                leader = [*leader, *(row for row in rows if row["role"] == "leader")]
                if len(leader) <= done:
                    break
            done += 1
            yield AfterRound(i, done, seats, leader, calls, cost)
            if not seats:
                break


def add(cost: Cost, rows: Sequence[dict[str, Any]]) -> Cost:
    """A cost plus that of some rows of `team_rounds`."""
    return Cost(*(_sum([before, *(row[name] for row in rows)]) for before, name in zip(cost, _COSTS, strict=True)))


def _sum(values: Sequence[Any]) -> Any:
    return None if any(v is None for v in values) else sum(values)


def _proposed(shard: Shard, cell: tuple[int, int, int]) -> Seat:
    cube = shard.cube
    return Seat(cube.proposal_id[cell], cube.response[cell], cube.extracted[cell], bool(cube.correct[cell]))
