"""What the agents say during training: answers of their own anew, and what the current leader led them to.

Beyond the paper, whose agents answer once, before training. With `mlpo.online` they answer every team prompt that a
step reads anew. With `mlpo.rounds` every such prompt is given a round; where that is a later one, its conversation is
played out with the leader as it is. Both take the frozen agents and the experiment's engines, for all prompts of
`mlpo.refresh_steps` steps at once. What was said is kept in the version's `rounds/`, so that a resumed run reads it
back, and so that a prompt can be walked back to the proposals.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from accelerate import PartialState

from mlpo_core.context import Context
from mlpo_core.engines import Sampling, open_engine
from mlpo_core.experiment import Agent, EngineConfig, Leader
from mlpo_core.grading import Grader
from mlpo_core.judging import grader_of
from mlpo_core.mlpo import seats
from mlpo_core.models.locate import locate
from mlpo_core.progress import log
from mlpo_core.prompts.budget import PromptMaker
from mlpo_core.prompts.revision import revision_prompt
from mlpo_core.proposals.workload import first_request, first_sampling
from mlpo_core.rounds.requests import revising
from mlpo_core.training.row_files import write_rows
from mlpo_core.types import Request, Task, stable_seed

_SCHEMA = pa.schema(
    [
        ("step", pa.int32()),
        ("row", pa.int32()),
        ("prompt_id", pa.string()),
        ("round", pa.int32()),
        ("led", pa.list_(pa.string())),
        ("responses", pa.list_(pa.string())),
        ("n_correct_shown", pa.int32()),
        ("prompt", pa.string()),
    ]
)
"""One team prompt of one step. `led` is what the leader wrote round by round, `responses` the agents' last ones;
`n_correct_shown` is -1 where these are the stored proposals."""

_LOOK_S = 1.0
"""Between two looks for what another process writes. If that one fails, the launcher ends them all."""
_OF_FREE = 0.9
"""Of a GPU's free memory, what an engine beside the leader may take."""

Write = Callable[[Sequence[str], int], list[str]]
"""Texts of the current leader for some prompts, at a step."""


class Shown(NamedTuple):
    """What a row shows at a step, and in which round its conversation is."""

    prompt: str
    round: int
    n_correct: int


class _Said(NamedTuple):
    """What an agent revised its answer to."""

    response: str
    extracted: str | None


class _Talk:
    """A conversation in progress."""

    def __init__(self, step: int, row: int, prompt: str, start: seats.Seats, rounds: int) -> None:
        self.step = step
        self.row = row
        self.task: Task = start.task
        self.prompt_id = start.prompt_id
        self.prompt = prompt
        self.responses = list(start.responses)
        self.led: list[str] = []
        self.round = 0
        self.n_correct = -1
        self.left = rounds

    def as_row(self) -> dict[str, Any]:
        """Its row in the file."""
        values = (self.step, self.row, self.prompt_id, self.round, self.led, self.responses, self.n_correct)
        return dict(zip(_SCHEMA.names, (*values, self.prompt), strict=True))


class LaterRounds:
    """Plays out and remembers the conversations of the steps.

    Args:
        ctx: Of `mlpo_leader`, whose agents generate.
        leader: The experiment's leader.
        limit: Tokens that a leader prompt may take. A round that would need more is not entered.
        tokenizer: The leader's.
        rows: Training rows, with `prompt_id`, `prompt` and `mode`.
        rows_of_step: Indices of the rows that a 0-based step reads.
        steps: Steps that generate, of the whole training, in order.
    """

    def __init__(
        self,
        ctx: Context,
        leader: Leader,
        limit: int,
        tokenizer: Any,
        rows: Any,
        rows_of_step: Callable[[int], Sequence[int]],
        steps: Sequence[int],
    ) -> None:
        self._ctx = ctx
        self._maker = PromptMaker(tokenizer, leader, ctx.experiment.seed, ctx.experiment.prompts, limit)
        self._rows, self._rows_of_step, self._steps = rows, rows_of_step, steps
        self._settings = ctx.experiment.mlpo
        self._seats = write_rows(
            ctx.writer.scratch() / "seats.arrow", seats.read(ctx.inputs["mlpo_dataset"]), seats.SCHEMA
        )
        self._position = {prompt_id: i for i, prompt_id in enumerate(self._seats["prompt_id"])}
        self._block = -1
        self._shown: dict[tuple[int, int], Shown] = {}

    @property
    def leads(self) -> bool:
        """Whether the current leader writes, too."""
        return self._settings.rounds > 1

    def starts(self, step: int) -> bool:
        """Whether conversations are held, or read back, before a step: the same in every process."""
        return step // self._settings.refresh_steps != self._block

    def shown(self, step: int, row: int, write: Write) -> Shown | None:
        """What a row shows at a step; None for a solo prompt. Every process must ask for its rows of every step."""
        block = step // self._settings.refresh_steps
        if block != self._block:
            self._block, self._shown = block, self._of_block(block, write)
        return self._shown.get((step, row))

    def _of_block(self, block: int, write: Write) -> dict[tuple[int, int], Shown]:
        """All conversations of a block, read back or held. The first process holds them, the others wait."""
        name = f"rounds/{block:06d}.parquet"
        if PartialState().is_main_process and self._ctx.writer.get(name) is None:
            with torch.random.fork_rng():  # loading a model draws numbers, which a resumed run would not draw
                talks = self._hold(block, write)
            buffer = BytesIO()
            pq.write_table(
                pa.Table.from_pylist([talk.as_row() for talk in talks], schema=_SCHEMA), buffer, compression="zstd"
            )
            self._ctx.writer.put(name, buffer.getvalue())
        table = pq.read_table(BytesIO(self._written(name)), schema=_SCHEMA)
        return {(r["step"], r["row"]): Shown(r["prompt"], r["round"], r["n_correct_shown"]) for r in table.to_pylist()}

    def _written(self, name: str) -> bytes:
        """A file that the first process writes, however long that takes: a barrier would give up after minutes."""
        while (data := self._ctx.writer.get(name)) is None:
            time.sleep(_LOOK_S)
        return data

    def _hold(self, block: int, write: Write) -> list[_Talk]:
        every = self._settings.refresh_steps
        talks = [
            talk
            for step in self._steps
            if step // every == block
            for row in self._rows_of_step(step)
            if (talk := self._start(step, row))
        ]
        first = min((talk.step for talk in talks), default=0)
        log(f"{self._ctx.writer.asset}: the team is asked for {len(talks)} prompts from step {first + 1} on")
        with grader_of(self._ctx) as grader:
            if self._settings.online and talks:
                self._answer(talks, grader)
            for round_ in range(1, self._settings.rounds):
                going = [talk for talk in talks if talk.left >= round_]
                if going:
                    self._revise(going, round_, write, first, grader)
        return talks

    def _start(self, step: int, row: int) -> _Talk | None:
        known = self._rows[row]
        if known["mode"] != "team":
            return None
        start = seats.parsed(self._seats[self._position[known["prompt_id"]]])
        rounds = stable_seed("rounds", self._ctx.experiment.seed, step, known["prompt_id"]) % self._settings.rounds
        return _Talk(step, row, known["prompt"][-1]["content"], start, rounds)

    def _answer(self, talks: Sequence[_Talk], grader: Grader) -> None:
        """Round 0 anew. Where the new answers would not fit, the stored ones stay."""
        experiment = self._ctx.experiment

        def asked(place: int, agent: Agent, seat: int) -> Request:
            talk = talks[place]
            seed = stable_seed("online", experiment.seed, talk.step, talk.row, talk.prompt_id, seat)
            return first_request(experiment, agent, talk.task, seed)

        said = self._ask(talks, asked, lambda agent: first_sampling(experiment.proposals, agent))
        self._show(talks, said, grader)

    def _revise(self, talks: Sequence[_Talk], round_: int, write: Write, step: int, grader: Grader) -> None:
        """One more round: the leader writes, every agent revises, and the next leader prompt shows what they wrote."""
        experiment = self._ctx.experiment
        led = write([talk.prompt for talk in talks], step)

        def asked(place: int, agent: Agent, seat: int) -> Request:
            talk = talks[place]
            return Request(
                revision_prompt(talk.task, agent, talk.responses[seat], led[place], experiment.prompts),
                stable_seed("revision", experiment.seed, talk.step, talk.prompt_id, round_, seat),
                agent.system_prompt,
                agent.template,
            )

        said = self._ask(talks, asked, lambda agent: revising(experiment, agent))
        for talk, text, fits in zip(talks, led, self._show(talks, said, grader), strict=True):
            if fits:
                talk.round = round_
                talk.led.append(text)
            else:
                talk.left = 0  # it stays in the last round that fits

    def _ask(
        self,
        talks: Sequence[_Talk],
        asked: Callable[[int, Agent, int], Request],
        sampled: Callable[[Agent], Sampling],
    ) -> list[list[str]]:
        """What every agent writes for every conversation, in the team's order.

        Args:
            talks: The conversations.
            asked: By a conversation's place, the agent and its seat: what it is asked.
            sampled: How an agent is sampled.
        """
        team = self._ctx.experiment.team.agents
        said: list[list[str]] = [[""] * len(team) for _ in talks]
        for opener, members in self._models().items():
            with opener() as engine:
                for seat in members:
                    requests = [asked(place, team[seat], seat) for place in range(len(talks))]
                    for mine, made in zip(said, engine.generate(requests, sampled(team[seat])), strict=True):
                        mine[seat] = made.text.encode("utf-8", "replace").decode()  # half characters fit no file
        return said

    def _show(self, talks: Sequence[_Talk], said: Sequence[list[str]], grader: Grader) -> list[bool]:
        """Make the next leader prompts of what the agents wrote; says which fit. The others stay as they are."""
        verdicts = iter(grader.grade_many([(t.task, r) for t, mine in zip(talks, said, strict=True) for r in mine]))
        fits: list[bool] = []
        for talk, mine in zip(talks, said, strict=True):
            graded = [next(verdicts) for _ in mine]
            fitted = self._maker.fit(talk.task, [_Said(r, v.extracted) for r, v in zip(mine, graded, strict=True)])
            fits.append(fitted.tokens <= self._maker.limit)
            if fits[-1]:
                talk.prompt, talk.responses = fitted.prompt, mine
                talk.n_correct = sum(v.correct for v in graded)
        return fits

    def _models(self) -> dict[Callable[[], Any], list[int]]:
        """What starts each model's engine, and the positions of its agents in the team."""
        experiment = self._ctx.experiment
        members: dict[tuple[str, str | None, bool, EngineConfig], list[int]] = {}
        for seat, agent in enumerate(experiment.team.agents):
            found = locate(self._ctx.inputs["base_models"], agent.name)
            model = (found.model, found.revision, agent.trust_remote_code, experiment.engine_of(agent))
            members.setdefault(model, []).append(seat)
        return {
            partial(
                _open_beside,
                engine,
                model,
                revision=revision,
                trust_remote_code=trust,
                answers=self._ctx.answers,
            ): positions
            for (model, revision, trust, engine), positions in members.items()
        }


def _open_beside(engine: EngineConfig, model: str, **options: Any) -> Any:
    return open_engine(beside_training(engine), model, **options)


def beside_training(engine: EngineConfig) -> EngineConfig:
    """An engine that takes no more of this process's GPU than what training leaves free."""
    if not torch.cuda.is_available():
        return engine
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    share = min(engine.gpu_memory_utilization, _OF_FREE * free / total)
    return engine.model_copy(update={"gpu_memory_utilization": share})
