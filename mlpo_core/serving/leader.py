"""A trained leader with its team, loaded once and asked as often as wanted."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self

from mlpo_core.chain.experiments import read
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, Price
from mlpo_core.grading import Grader
from mlpo_core.prompts.budget import PromptMaker
from mlpo_core.serving.answer import Answer
from mlpo_core.serving.plan import Plan, Wishes, parse
from mlpo_core.serving.published import is_published, of_published
from mlpo_core.serving.questions import as_task
from mlpo_core.serving.source import Source, of_experiment
from mlpo_core.serving.talk import Draw, House, Talk
from mlpo_core.serving.team import Team
from mlpo_core.store import Store

WAIT_S = 60.0
"""Seconds after which an agent is late."""


class Leader:
    """A leader and its team, ready to answer. A context manager: it holds the models' memory.

    Args:
        source: What is loaded.
        wait_s: Seconds after which an agent is left out.
        floor: Fewest agents that must have answered; else the question is refused.
        apart: Whether models that this machine computes are held by a process of their own: for many questions at once.

    Raises:
        BadInput: A model cannot be loaded.
    """

    def __init__(self, source: Source, wait_s: float = WAIT_S, floor: int = 1, apart: bool = False) -> None:
        settings = source.experiment.leader
        assert settings  # noqa: S101 - narrows a type
        if not 1 <= floor <= source.experiment.k:
            raise BadInput(
                f"floor {floor}: of {source.experiment.k} agents, 1 to {source.experiment.k} can be asked for"
            )
        self._source = source
        tokenizer = _tokenizer(source)
        self._house = House(
            Team(source, wait_s, apart),
            PromptMaker(tokenizer, settings, source.experiment.seed, source.experiment.prompts),
            Lock(),
            Grader(1),
            floor,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="leader", daemon=True)
        self._thread.start()

    @classmethod
    def load(
        cls,
        which: str | Path | Experiment,
        store: Store | None = None,
        wait_s: float = WAIT_S,
        floor: int = 1,
        team: str = "",
        apart: bool = False,
    ) -> Self:
        """The leader that an experiment has trained, or one that was published, with its team.

        Args:
            which: The experiment, or its name in experiments/ or YAML file; or a published folder, or `hub:OWNER/NAME`.
            store: Where its versions are; by default `$MLPO_ROOT`, or `.mlpo`.
            wait_s: Seconds after which an agent is left out.
            floor: Fewest agents that must have answered.
            team: An experiment whose team a published leader leads instead of its own.
            apart: Whether models that this machine computes are held by a process of their own.

        Raises:
            BadInput: There is no such experiment or folder, or its leader has not been trained, or its team cannot be
                reached; says what to do.
        """
        store = store or Store()
        if not isinstance(which, Experiment) and is_published(str(which)):
            return cls(of_published(str(which), store, team), wait_s, floor, apart)
        if team:
            raise BadInput(f"{which}: only a published leader takes another team; an experiment names its own")
        experiment = which if isinstance(which, Experiment) else read(str(which))
        return cls(of_experiment(experiment, store), wait_s, floor, apart)

    @property
    def name(self) -> str:
        """Name of the experiment that trained it."""
        return self._source.experiment.name

    @property
    def rounds(self) -> int:
        """T, as the experiment says."""
        return self._source.experiment.inference.rounds

    @property
    def prices(self) -> dict[str, Price]:
        """What the team's endpoints cost, by agent, as far as the experiment says."""
        experiment = self._source.experiment
        engines = {agent.name: experiment.engine_of(agent) for agent in experiment.team.agents}
        return {name: engine.price for name, engine in engines.items() if engine.price}

    @property
    def adapts(self) -> bool:
        """Whether it was chosen when the method `adaptive` stops."""
        return self._source.stop is not None

    @property
    def agents(self) -> list[str]:
        """Names of the agents."""
        return list(self._house.team.agents)

    @property
    def example(self) -> str:
        """A question that it can answer: one of the experiment's own."""
        return next(reversed(self._source.tasks), "What is 6 times 7?")

    @property
    def agents_down(self) -> int:
        """How many agents were late or away a moment ago."""
        return self._house.team.down

    @property
    def ended(self) -> bool:
        """Whether the process that holds the models is no more: nothing will be answered again."""
        return self._house.team.ended

    def answer(
        self,
        question: str,
        *,
        method: str = "mlpo",
        rounds: int | None = None,
        wishes: Wishes | None = None,
        hear: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer one question.

        Args:
            question: The question, with lettered options below it if it has any.
            method: `mlpo`, `mlpo@T=2`, `solo`, `vote` or `adaptive`.
            rounds: T; by default the experiment's.
            wishes: What is sampled otherwise than the experiment says.
            hear: Takes all that has been written of the final answer, again and again, in another thread.

        Raises:
            Refusal: The question is empty or too long, or too few agents answered.
        """
        plan = parse(method, self.rounds if rounds is None else rounds)
        asked = self.respond(question, plan, wishes or Wishes(), hear=hear)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    async def respond(
        self,
        question: str,
        plan: Plan,
        wishes: Wishes,
        choice: int = 0,
        hear: Callable[[str], None] | None = None,
    ) -> Answer:
        """`answer`, in any event loop. Cancelling it stops the calls behind it.

        Args:
            question: The question.
            plan: By which method, in how many rounds.
            wishes: What is sampled otherwise than the experiment says.
            choice: 0-based: which of several answers to the same question.
            hear: Follows the final answer in this event loop.
        """
        experiment = self._source.experiment
        task = as_task(question, experiment, self._source.tasks)
        with self._house.team.talk():
            return await Talk(self._house, task, plan, self._draw(wishes, choice), wishes, hear).run()

    def close(self, wait_s: float | None = None) -> bool:
        """Free the models; whether all were free within so many seconds (None waits for as long as it takes)."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._house.grader.close()
        return self._house.team.close(wait_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _draw(self, wishes: Wishes, choice: int) -> Draw:
        """The benchmark's seeds one after the other, and their samples; or from the seed that is wished for on."""
        if wishes.seed is not None:
            return Draw(wishes.seed + choice, wishes.seed + choice)
        seeds = self._source.experiment.benchmark.seeds
        return Draw(seeds[choice] if choice < len(seeds) else max(seeds) + 1 + choice - len(seeds), choice)


def _tokenizer(source: Source) -> Any:
    from transformers import AutoTokenizer

    leader = source.experiment.leader
    trust = leader is not None and leader.trust_remote_code
    return AutoTokenizer.from_pretrained(source.leader.model, revision=source.leader.revision, trust_remote_code=trust)
