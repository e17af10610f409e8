"""`mlpo_leader/adaptive`: asks the first agents and the leader alone, and goes on only where they differ; a round is
the last one where enough of the team says what the leader says.

It answers from the rows of `mlpo_leader/team` and `mlpo_leader/solo` and pays only for the calls that it would have
made. How it stops is chosen on dev tasks, for the price of tokens that `inference.stop` names.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlpo_core.experiment import Experiment, Stop
from mlpo_core.methods.evidence import Cost, History, Shard, canonical
from mlpo_core.methods.leaders import led
from mlpo_core.methods.protocol import Answer, Dialogue, Predictor, Seed
from mlpo_core.methods.rounds import AfterRound, add, replay
from mlpo_core.store import Dataset

ADAPTIVE, TEAM, SOLO = "mlpo_leader/adaptive", "mlpo_leader/team", "mlpo_leader/solo"
LEARNED = f"learned/{ADAPTIVE}.json"
"""File of `benchmark_predictions` that says what was chosen."""


class Policy(NamedTuple):
    """When it stops.

    Attributes:
        first: So many agents are asked first; where they agree, the leader alone, and where it agrees too, nobody else.
            0: all agents are asked at once.
        agree: Members of the team that must say what the leader says for a round to be the last. 0: the first round is;
            more than there are members: all rounds are run.
    """

    first: int
    agree: int


class End(NamedTuple):
    """How a question ends under a policy.

    Attributes:
        row: The leader's generation that is the answer.
        shown: Right answers among those it was shown; -1 when none was.
        calls: Generations.
        cost: Of them.
    """

    row: Mapping[str, Any]
    shown: int
    calls: int
    cost: Cost

    @property
    def tokens(self) -> int:
        """Read and written, as far as they were recorded."""
        return (self.cost.prompt_tokens or 0) + (self.cost.completion_tokens or 0)


class Course(NamedTuple):
    """All that can be said on a task for one seed.

    Attributes:
        task: Position in the shard.
        after: The run with the team after every round.
        agreeing: By round, members that say what the leader says.
        solo: The leader's generation alone.
        alone: By number of agents asked first, from 1 on: whether they and the leader alone agree; None where they do
            not agree among themselves, so that it is not asked alone.
        first: What so many agents cost.
    """

    task: int
    after: Sequence[AfterRound]
    agreeing: Sequence[int]
    solo: Mapping[str, Any]
    alone: Sequence[bool | None]
    first: Sequence[Cost]

    def end(self, policy: Policy) -> End:
        """How it ends."""
        asked_alone = bool(policy.first) and self.alone[policy.first - 1] is not None
        if asked_alone and self.alone[policy.first - 1]:
            return End(self.solo, -1, policy.first + 1, add(self.first[policy.first - 1], [dict(self.solo)]))
        t = next((t for t, agreeing in enumerate(self.agreeing) if agreeing >= policy.agree), len(self.after) - 1)
        run = self.after[t]
        spent = [*run.leader, *([dict(self.solo)] if asked_alone else [])]
        return End(run.leader[-1], sum(s.correct for s in run.seats), run.calls + len(spent), add(run.cost, spent))


@dataclass(frozen=True)
class LearnedStop:
    """Answers under the policy that was chosen.

    Attributes:
        team: Names of the agents.
        policy: It.
        learned: The choice, and what every policy reached on dev tasks; JSON.
    """

    team: tuple[str, ...]
    policy: Policy
    learned: Mapping[str, Any]

    def __call__(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        """The answer to every task."""
        for course in courses(shard, self.team, seed):
            end = course.end(self.policy)
            yield Answer(
                course.task,
                [end.row["generation_id"]],
                end.row["response"],
                end.row["extracted"],
                end.row["correct"],
                end.calls,
                *end.cost,
                n_correct_shown=end.shown,
            )


@dataclass(frozen=True)
class Adaptive:
    """The MLPO leader with as much of its team as pays.

    Attributes:
        team: Names of the agents.
        seeds: Evaluation seeds.
        stop: The price; None where it is not run.
    """

    team: tuple[str, ...]
    seeds: tuple[int, ...]
    stop: Stop | None
    name: str = ADAPTIVE
    dialogue: Dialogue | None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """It needs a price, and what the leader needs."""
        if reason := led("mlpo_leader", self.team).unavailable(experiment, samples):
            return reason
        return None if self.stop else "inference.stop is not set"

    def fit(self, history: History) -> Predictor:
        """Choose the policy that is worth most on dev tasks; of equals the one that asks less."""
        assert self.stop  # noqa: S101 - narrows a type
        seeds = [Seed(value, position) for position, value in enumerate(self.seeds)]
        past = [c for shard in history.dev_shards() for seed in seeds for c in courses(shard, self.team, seed)]
        rounds = max((len(course.after) for course in past), default=1)
        reached = {policy: _reached(past, policy) for policy in policies(len(self.team), rounds)}
        price = self.stop.price / 1000
        best = max(reached, key=lambda p: (reached[p][0] - price * reached[p][1], -reached[p][1]))
        return LearnedStop(
            self.team,
            best,
            {
                "choice": {**best._asdict(), "price": self.stop.price, "tokens on dev": round(reached[best][1], 1)},
                "fitted_on": 0,
                "chosen_on": len(past),
                "reached": round(reached[best][0], 4),
                "dev": [
                    {**policy._asdict(), "accuracy": round(right, 4), "tokens": round(tokens, 1)}
                    for policy, (right, tokens) in reached.items()
                ],
            },
        )


def chosen(predictions: Dataset) -> Policy | None:
    """The policy that a version of `benchmark_predictions` answered under; None where it has none."""
    if LEARNED not in predictions.manifest.files:
        return None
    choice = json.loads(predictions.read_file(LEARNED))["choice"]
    return Policy(choice["first"], choice["agree"])


def policies(k: int, rounds: int) -> list[Policy]:
    """Every policy for a team of k, the cheaper of two that end alike first."""
    agree = [0, *(range(1, k + 2) if rounds > 1 else ())]
    return [Policy(first, needed) for first in range(k) for needed in agree]


def courses(shard: Shard, team: tuple[str, ...], seed: Seed) -> Iterator[Course]:
    """What can be said on every task of a shard, for one seed."""
    talk = led("mlpo_leader", team).dialogue
    runs: dict[int, list[AfterRound]] = {}
    for after in replay(shard, TEAM, talk, seed):
        runs.setdefault(after.task, []).append(after)
    positions = [shard.agents.index(name) for name in team]
    samples = [talk.sample(seed, seat, shard.samples) for seat in range(len(team))]
    for i, task in enumerate(shard.tasks):
        [solo] = shard.rounds[SOLO, seed.value, task.task_id, 0]
        kind = task.answer_kind
        after = runs[i]
        said = [form(kind, seat.extracted) for seat in after[0].seats]
        agreeing = [_agreeing(kind, run) for run in after]
        alone = [together(said[:m], form(kind, solo["extracted"])) for m in range(1, len(team) + 1)]
        first = [shard.cube.cost(i, positions[:m], samples[:m]) for m in range(1, len(team) + 1)]
        yield Course(i, after, agreeing, solo, alone, first)


def form(kind: str, extracted: str | None) -> str | None:
    """An answer in the form in which it is compared; None agrees with nothing."""
    return None if extracted is None else canonical(kind, extracted)


def together(first: Sequence[str | None], leader: str | None) -> bool | None:
    """Whether the leader alone says what the first agents say; None where these do not agree."""
    if first[0] is None or any(answer != first[0] for answer in first):
        return None
    return leader == first[0]


def _agreeing(kind: str, run: AfterRound) -> int:
    leader = form(kind, run.leader[-1]["extracted"])
    return 0 if leader is None else sum(form(kind, seat.extracted) == leader for seat in run.seats)


def _reached(past: Sequence[Course], policy: Policy) -> tuple[float, float]:
    """Share of right answers and mean tokens on dev tasks."""
    ends = [course.end(policy) for course in past]
    count = max(1, len(ends))
    return sum(bool(end.row["correct"]) for end in ends) / count, sum(end.tokens for end in ends) / count
