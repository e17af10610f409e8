"""One question's way through the team, by the benchmark's own rounds, prompts and seeds.

What differs is who is there: an agent that does not answer in round 0 is left out, one that does not revise its answer
keeps it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Agent, Experiment
from mlpo_core.grading import Grader
from mlpo_core.methods.adaptive import form, together
from mlpo_core.methods.leaders import led
from mlpo_core.methods.votes import tally
from mlpo_core.prompts.budget import PromptMaker, Proposal
from mlpo_core.proposals.workload import first_request, first_sampling, first_seed
from mlpo_core.rounds.conversation import Conversations, Turn
from mlpo_core.rounds.requests import leading, request_of, revising
from mlpo_core.serving.answer import Absent, Answer, Call
from mlpo_core.serving.member import Member, Reply, Unanswered
from mlpo_core.serving.plan import Plan, Wishes
from mlpo_core.serving.refusal import Refusal
from mlpo_core.serving.source import LEADER
from mlpo_core.serving.team import Team
from mlpo_core.types import Task, stable_seed

_SHORT = 4000
"""Characters that are counted where they are: in less time than another thread takes to begin."""


class Draw(NamedTuple):
    """Which of the possible answers: the evaluation seed, and which of an agent's samples stands for it."""

    seed: int
    sample: int


class House(NamedTuple):
    """What all talks share.

    Attributes:
        team: The engines.
        maker: Counts leader prompts.
        counting: Held while it counts: a tokenizer serves one thread at a time.
        grader: Reads answers out of texts.
        floor: Fewest agents that must have answered.
    """

    team: Team
    maker: PromptMaker
    counting: Lock
    grader: Grader
    floor: int


class Talk:
    """One question, answered once.

    Args:
        house: Who answers.
        task: The question.
        plan: By which method, in how many rounds.
        draw: Which answer, where sampling gives several.
        wishes: What is sampled otherwise than the experiment says.
        hear: Follows the final answer while it is written, in this event loop, where the engine can be followed.
    """

    def __init__(
        self,
        house: House,
        task: Task,
        plan: Plan,
        draw: Draw,
        wishes: Wishes,
        hear: Callable[[str], None] | None = None,
    ) -> None:
        self._house = house
        self._experiment = house.team.experiment
        self._task = task
        self._plan = plan
        self._draw = draw
        self._wishes = wishes
        self._hear = hear
        self._calls: list[Call] = []
        self._absent: list[Absent] = []
        self._agents_s = 0.0

    async def run(self) -> Answer:
        """The answer.

        Raises:
            Refusal: Too few agents answered, the leader did not, or the prompt does not fit.
        """
        began = time.monotonic()
        await self._check_length(self._house.maker.show(self._task, ()))  # before anything is paid
        final = await self._adaptive() if self._plan.method == "adaptive" else await self._final()
        seconds = time.monotonic() - began
        return Answer(
            final.text,
            final.finish_reason,
            self._calls,
            self._absent,
            seconds,
            self._agents_s,
            seconds - self._agents_s,
            self._wishes.stop,
        )

    async def _final(self) -> Reply:
        """The last word by a method that asks everybody at once."""
        if self._plan.method == "solo":
            return await self._rounds({}, 0)
        answered = await self._first_answers()
        return await (self._vote(answered) if self._plan.method == "vote" else self._rounds(answered, self._k))

    async def _adaptive(self) -> Reply:
        """The last word of the leader with as much of its team as pays (`mlpo_core.methods.adaptive`)."""
        policy, agents = self._house.team.stop, self._experiment.team.agents
        if policy is None:
            raise Refusal(
                "adaptive: it was not chosen when to stop (inference.stop, with mlpo_leader/adaptive in "
                "benchmark.methods)",
                404,
                "model_not_found",
                "model",
            )
        hear, self._hear = self._hear, None  # of a leader that is asked again nobody hears what was not the last word
        first = await self._ask(agents[: policy.first])
        if policy.first and len(first) == policy.first:
            said = await self._forms([reply.text for reply in first.values()])
            if together(said, said[0]):
                alone = await self._rounds({}, 0)
                if together(said, (await self._forms([alone.text]))[0]):
                    return alone
        answered = {**first, **await self._ask(agents[policy.first :])}
        self._require(answered)
        self._hear = hear
        return await self._rounds(answered, self._k, policy.agree)

    async def _first_answers(self) -> dict[str, Reply]:
        """What every agent says before anybody else has; those that say nothing are left out."""
        answered = await self._ask(self._experiment.team.agents)
        self._require(answered)
        return answered

    async def _ask(self, agents: Sequence[Agent]) -> dict[str, Reply]:
        """The first answers of some agents, by name."""
        began, experiment = time.monotonic(), self._experiment

        def ask(agent: Agent) -> Awaitable[Reply]:
            seed = first_seed(experiment.seed, experiment.voice(agent), self._task.task_id, self._draw.sample)
            request = first_request(experiment, agent, self._task, seed)
            return self._member(agent.name).ask(0, request, first_sampling(experiment.proposals, agent))

        replies = await self._together([agent.name for agent in agents], 0, [ask(agent) for agent in agents])
        self._agents_s += time.monotonic() - began
        return {agent.name: reply for agent, reply in zip(agents, replies, strict=True) if reply}

    def _require(self, answered: Mapping[str, Reply]) -> None:
        """Refuse where fewer answered than must."""
        if len(answered) < self._house.floor:
            reasons = "; ".join(f"{a.member}: {a.why}" for a in self._absent)
            raise Refusal(
                f"{len(answered)} of {self._k} agents answered, fewer than the {self._house.floor} asked for "
                f"({reasons})",
                503,
                "too_few_agents",
                retry_after=10,
            )

    async def _rounds(self, answered: dict[str, Reply], asked: int, agree: int | None = None) -> Reply:
        """The leader's last word.

        Args:
            answered: The team's first answers; empty: the leader is alone.
            asked: Agents that were asked.
            agree: Ends after a round in which so many say what the leader says.
        """
        assert self._experiment.leader  # noqa: S101 - narrows a type
        extracted = await self._extracted([reply.text for reply in answered.values()])
        proposals = [
            Proposal(f"{name}-0", reply.text, found, False)
            for (name, reply), found in zip(answered.items(), extracted, strict=True)
        ]
        method = led(LEADER, tuple(answered))
        seen = _seen(self._experiment, tuple(answered), self._plan.rounds, self._draw.seed)
        drawn = {self._task.task_id: {0: proposals}}
        talk = Conversations(seen, self._house.maker, {method.name: method.dialogue}, [self._task], drawn, 1, asked)
        rounds = method.dialogue.rounds(seen)
        current = {name: reply.text for name, reply in answered.items()}
        for round_ in range(rounds - 1):
            written = await self._leader(talk, round_, None)
            if agree is not None and await self._agreeing(written, current) >= agree:
                return written
            current |= await self._revisions(talk, round_ + 1, list(answered))
        return await self._leader(talk, rounds - 1, self._hear)

    async def _agreeing(self, written: Reply, current: Mapping[str, str]) -> int:
        """How many say what the leader says."""
        leader, *team = await self._forms([written.text, *current.values()])
        return 0 if leader is None else team.count(leader)

    async def _revisions(self, talk: Conversations, round_: int, agents: Sequence[str]) -> dict[str, str]:
        """The agents' new answers; one that gives none keeps its own."""
        began = time.monotonic()
        turns = list(talk.agent_turns(round_, agents))
        samplings = {agent.name: revising(self._experiment, agent) for agent in self._experiment.team.agents}
        asked = [
            self._member(turn.agent).ask(
                round_, request_of(self._experiment, turn, samplings[turn.agent]), samplings[turn.agent]
            )
            for turn in turns
        ]
        replies = await self._together([turn.agent for turn in turns], round_, asked)
        heard = [(turn, reply.text) for turn, reply in zip(turns, replies, strict=True) if reply]
        for (turn, text), found in zip(heard, await self._extracted([text for _, text in heard]), strict=True):
            talk.hear(turn, {"response": text, "extracted": found})
        talk.end_agents_turn()
        self._agents_s += time.monotonic() - began
        return {turn.agent: text for turn, text in heard}

    async def _leader(self, talk: Conversations, round_: int, hear: Callable[[str], None] | None) -> Reply:
        """What the leader writes in a round; the wishes on length are on the last."""
        leader, wishes = self._experiment.leader, self._wishes
        assert leader  # noqa: S101 - narrows a type
        [turn] = await asyncio.to_thread(self._turns, talk, round_)
        sampling = leading(self._experiment, leader)
        sampling = sampling._replace(
            temperature=sampling.temperature if wishes.temperature is None else wishes.temperature,
            top_p=sampling.top_p if wishes.top_p is None else wishes.top_p,
        )
        last = round_ == self._plan.rounds - 1 or self._plan.method == "adaptive"  # whose every round may be it
        if wishes.max_tokens is not None and last:
            sampling = sampling._replace(max_new_tokens=min(wishes.max_tokens, sampling.max_new_tokens))
        await self._check_length(turn.prompt)
        request = request_of(self._experiment, turn, sampling)
        try:
            reply = await self._house.team.leader.ask(round_, request, sampling, hear)
        except Unanswered as error:
            raise Refusal(f"the leader did not answer: {error}", 503, "leader_down", retry_after=30) from error
        self._calls.append(reply.call)
        talk.hear(turn, {"response": reply.text, "extracted": None})
        return reply

    @property
    def _k(self) -> int:
        """Agents of the team."""
        return len(self._experiment.team.agents)

    async def _check_length(self, prompt: str) -> None:
        leader = self._experiment.leader
        assert leader  # noqa: S101 - narrows a type
        counted = self._count(prompt) if len(prompt) < _SHORT else await asyncio.to_thread(self._count, prompt)
        if counted > (most := leader.max_context - leader.max_new_tokens):
            raise Refusal(
                f"the leader's prompt has {counted} tokens and {most} fit (leader.max_context less "
                "leader.max_new_tokens): ask something shorter, or show the leader less "
                "(leader.information, leader.shorten)",
                code="context_length_exceeded",
                param="messages",
            )

    async def _vote(self, answered: dict[str, Reply]) -> Reply:
        """The answer that most of the team gave; a tie is drawn as in the benchmark."""
        replies = list(answered.values())
        forms = await self._forms([reply.text for reply in replies])
        answers = sorted({form for form in forms if form is not None})
        codes = np.array([[-1 if form is None else answers.index(form) for form in forms]])
        name = f"majority_vote@{len(replies)}"
        result = tally(codes, answers, [stable_seed("tie", name, self._draw.seed, self._task.task_id)])
        chosen = replies[int(result.position[0])]
        if self._hear:
            self._hear(chosen.text)
        return chosen

    async def _together(
        self, names: Sequence[str], round_: int, asked: Sequence[Awaitable[Reply]]
    ) -> list[Reply | None]:
        """What some agents answer who are asked at once; None and a note where one does not."""

        async def answer(name: str, waited: Awaitable[Reply]) -> Reply | None:
            try:
                reply = await waited
            except (Unanswered, BadInput) as error:
                self._absent.append(Absent(name, round_, str(error)))
                return None
            self._calls.append(reply.call)
            return reply

        return list(await asyncio.gather(*(answer(n, w) for n, w in zip(names, asked, strict=True))))

    async def _extracted(self, texts: Sequence[str]) -> list[str | None]:
        """The answers read out of texts, where the leader is shown these."""
        assert self._experiment.leader  # noqa: S101 - narrows a type
        if not {"answers", "votes"} & {self._experiment.leader.information, self._experiment.leader.shorten}:
            return [None] * len(texts)
        return await self._read(texts)

    async def _forms(self, texts: Sequence[str]) -> list[str | None]:
        """The answers read out of texts, as they are compared."""
        return [form(self._task.answer_kind, found) for found in await self._read(texts)]

    async def _read(self, texts: Sequence[str]) -> list[str | None]:
        """The answers read out of texts."""
        pairs = [(self._task, text) for text in texts]
        return [v.extracted for v in await asyncio.to_thread(self._house.grader.grade_many, pairs)]

    def _turns(self, talk: Conversations, round_: int) -> list[Turn]:
        with self._house.counting:  # a prompt that is shortened is counted
            return list(talk.leader_turns(round_, LEADER))

    def _count(self, prompt: str) -> int:
        with self._house.counting:
            return self._house.maker.count_prompt(prompt)

    def _member(self, name: str) -> Member:
        return self._house.team.agents[name]


def _seen(experiment: Experiment, agents: tuple[str, ...], rounds: int, seed: int) -> Experiment:
    """The experiment of one talk: the agents that answered, so many rounds, one evaluation seed."""
    changes: dict[str, Any] = {
        "team": experiment.team.model_copy(
            update={"agents": tuple(a for a in experiment.team.agents if a.name in agents)}
        ),
        "inference": experiment.inference.model_copy(update={"rounds": rounds}),
        "benchmark": experiment.benchmark.model_copy(update={"seeds": (seed,)}),
    }
    return experiment.model_copy(update=changes)
