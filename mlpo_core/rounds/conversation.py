"""The state of T-round runs on some tasks: whose turn it is, what is read, and what stands afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mlpo_core.experiment import Agent, Experiment
from mlpo_core.methods import Dialogue, Seed
from mlpo_core.methods.attack import attack
from mlpo_core.prompts.agent import agent_prompt
from mlpo_core.prompts.budget import PromptMaker, Proposal
from mlpo_core.prompts.correction import fitted_correction
from mlpo_core.prompts.revision import debate_prompt, revision_prompt
from mlpo_core.types import Task, stable_id


class Said(NamedTuple):
    """An answer that stands: a proposal or a generation; an attacker's has no id."""

    id: str
    response: str
    extracted: str | None


class Turn(NamedTuple):
    """One generation to make.

    Attributes:
        id: Its `generation_id`.
        name: Method, or the talk that methods share.
        seed: Evaluation seed.
        task: The task.
        round: 0-based.
        role: Who writes.
        agent: Agent name, or `leader`.
        seat: Position of the agent in the dialogue; -1, -2, … for the leader's first, second, … sample.
        prompt: What is read, after the system message.
        system: The system message.
        input_ids: Rows that stand in the prompt.
        shortened: How a leader prompt was made to fit (see `mlpo_core.prompts.budget.LeaderPrompt`).
        answers: What was answered, as shown, where the leader only names the one to trust.
        template: Further arguments of the chat template (see `mlpo_core.types.Request`).
    """

    id: str
    name: str
    seed: int
    task: Task
    round: int
    role: Literal["agent", "leader"]
    agent: str
    seat: int
    prompt: str
    system: str
    input_ids: list[str]
    shortened: str = ""
    answers: tuple[str, ...] = ()
    template: str = ""


class Conversations:
    """Every dialogue on some tasks, for every seed.

    Args:
        experiment: Names agents and leader.
        maker: Makes the leader's prompts.
        dialogues: By method.
        tasks: The tasks.
        proposals: By task and sample index, the proposals of every agent in the team's order.
        samples: Samples of every agent per task.
        asked: How many agents were asked: where fewer are in the team, the leader is told.
    """

    def __init__(
        self,
        experiment: Experiment,
        maker: PromptMaker,
        dialogues: Mapping[str, Dialogue],
        tasks: Sequence[Task],
        proposals: Mapping[str, Mapping[int, Sequence[Proposal]]],
        samples: int,
        asked: int = 0,
    ) -> None:
        self._experiment = experiment
        self._maker = maker
        self._asked = asked
        leader = experiment.leader
        self._leads: tuple[str, str] = (leader.system_prompt, leader.template) if leader else ("", "")
        self._dialogues = dialogues
        self._tasks = tasks
        self._agents: dict[str, Agent] = {a.name: a for a in experiment.team.agents}
        self._seeds = seeds(experiment)
        self._written: dict[tuple[str, int, str], Said] = {}
        self._seats: dict[tuple[str, int, str], list[Said]] = {}
        positions = {name: i for i, name in enumerate(self._agents)}
        for dialogue in dialogues.values():
            for seed in self._seeds:
                for task in tasks:
                    drawn = [
                        proposals[task.task_id][dialogue.sample(seed, seat, samples)][positions[agent]]
                        for seat, agent in enumerate(dialogue.seats)
                    ]
                    said = [Said(p.proposal_id, p.response, p.extracted) for p in drawn]
                    if dialogue.attacked:
                        order = attack(task, len(said))
                        said[order.seat] = Said("", order.text, order.target)
                    self._seats[dialogue.talk, seed.value, task.task_id] = said
        self._next = {key: list(said) for key, said in self._seats.items()}

    def leader_turns(self, round_: int, asset: str, sampled: bool = False) -> Iterator[Turn]:
        """The turns of one leader in a round: those in which it votes, or all others."""
        for method, dialogue in self._dialogues.items():
            if dialogue.leader != asset or dialogue.rounds(self._experiment) <= round_:
                continue
            if sampled != (dialogue.votes > 0):
                continue
            for seed in self._seeds:
                for task in self._tasks:
                    seats = self._seats[dialogue.talk, seed.value, task.task_id]
                    shown = self._maker.seated(task, seats)
                    if round_ and dialogue.attempts > 1:
                        before = self._written[method, seed.value, task.task_id]
                        (prompt, shortened), ids = self._correction(task, before), [before.id]
                    else:
                        prompt, shortened = self._maker.written(task, seats, self._asked)
                        ids = [s.id for s in shown if s.id]
                    answers = tuple(s.response for s in shown) if dialogue.defers else ()
                    for vote in range(max(1, dialogue.votes)):
                        turn = _turn(
                            method, seed, task, round_, "leader", "leader", -1 - vote, (prompt, *self._leads), ids
                        )
                        yield turn._replace(answers=answers, shortened=shortened)

    def agent_turns(self, round_: int, agents: Sequence[str]) -> Iterator[Turn]:
        """The turns of some agents in a round. They read what stood before the round, whoever wrote first in it.

        In round 0 only greedy agents write: everybody else has a proposal.
        """
        for method, dialogue in self._talks(round_):
            for seed in self._seeds:
                for task in self._tasks:
                    for seat, agent in enumerate(dialogue.seats):
                        if agent in agents:
                            prompt, ids = self._revision(method, dialogue, seed, task, seat)
                            read = (prompt, self._agents[agent].system_prompt, self._agents[agent].template)
                            yield _turn(dialogue.talk, seed, task, round_, "agent", agent, seat, read, ids)

    def hear(self, turn: Turn, row: Mapping[str, Any]) -> None:
        """Take a generation in."""
        said = Said(turn.id, row["response"], row["extracted"])
        key = (turn.name, turn.seed, turn.task.task_id)
        if turn.role == "leader":
            self._written[key] = said
        else:
            self._next[key][turn.seat] = said

    def end_agents_turn(self) -> None:
        """All agents have written in this round: from now on their new answers stand."""
        self._seats = {key: list(said) for key, said in self._next.items()}

    def _talks(self, round_: int) -> Iterator[tuple[str, Dialogue]]:
        """One dialogue of every talk in which agents write in this round."""
        seen: set[str] = set()
        for method, dialogue in self._dialogues.items():
            going = dialogue.rounds(self._experiment) > round_ and dialogue.greedy == (round_ == 0)
            if going and dialogue.talk not in seen:
                seen.add(dialogue.talk)
                yield method, dialogue

    def _correction(self, task: Task, before: Said) -> tuple[str, str]:
        maker = self._maker
        return fitted_correction(task, before.response, self._experiment.prompts, maker.count_prompt, maker.limit)

    def _revision(self, method: str, dialogue: Dialogue, seed: Seed, task: Task, seat: int) -> tuple[str, list[str]]:
        seats = self._seats[dialogue.talk, seed.value, task.task_id]
        own, agent, templates = seats[seat], self._agents[dialogue.seats[seat]], self._experiment.prompts
        if dialogue.greedy:
            return agent_prompt(task, agent, templates), []
        if dialogue.revise == "leader":
            led = self._written[method, seed.value, task.task_id]
            return revision_prompt(task, agent, own.response, led.response, templates), [own.id, led.id]
        others = [s for i, s in enumerate(seats) if i != seat]
        prompt = debate_prompt(task, agent, own.response, [s.response for s in others], templates)
        return prompt, [own.id, *(s.id for s in others)]


def seeds(experiment: Experiment) -> list[Seed]:
    """The evaluation seeds with their positions."""
    return [Seed(value, position) for position, value in enumerate(experiment.benchmark.seeds)]


def _turn(
    name: str,
    seed: Seed,
    task: Task,
    round_: int,
    role: Literal["agent", "leader"],
    agent: str,
    seat: int,
    read: tuple[str, str, str],
    ids: list[str],
) -> Turn:
    prompt, system, template = read
    id_ = stable_id("generation", name, seed.value, task.task_id, round_, role, agent, seat)
    return Turn(id_, name, seed.value, task, round_, role, agent, seat, prompt, system, ids, template=template)
