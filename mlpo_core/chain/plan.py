"""What an experiment will cost, before anything is loaded: tokens, GPU-hours, dollars, storage, time, GPU memory.

Arithmetic only, so a million tasks cost as little as ten. How many questions there are and how long they and
their answers are is told by `lengths`, how long a device takes for its tokens by `throughput`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mlpo_core.chain import memory
from mlpo_core.chain.bills import Bill, bills
from mlpo_core.chain.judging_cost import judging
from mlpo_core.chain.lengths import Lengths, lengths_of, longest_prompt
from mlpo_core.chain.stages import STAGES
from mlpo_core.chain.throughput import Assumptions, parameters
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig, Experiment, Judge, Leader, TaskSource
from mlpo_core.methods.leaders import led
from mlpo_core.models.references import Reference, kind_of
from mlpo_core.rounds.inference import CHUNK_ROWS

_DIALOGUES = 4
"""Methods that talk in rounds, roughly: leaders and their ablations."""
_LEADERS = 4
"""Checkpoints that lead in them: of MLPO and its baseline, after fine-tuning, and untrained."""


class Cost(NamedTuple):
    """The cost of one stage. Tokens are forward tokens, read and written."""

    stage: str
    rows: int
    prompt_tokens: float
    completion_tokens: float
    gpu_hours: float
    storage_bytes: float
    dollars: float = 0.0
    """Of endpoints, at the prices of their engines."""
    starts: int = 0
    """How often an engine loads a model into a GPU, or a training does, one after another."""


class Plan(NamedTuple):
    """The whole estimate."""

    costs: list[Cost]
    longest_prompt: int
    context: int
    gpus: int
    """Tasks are assumed to divide evenly over this many."""
    rates: Mapping[str, str]
    """Source of the rate of every model that has one. All others go by FLOPs."""
    paid: bool = False
    """Whether an endpoint has a price."""
    budget: float | None = None
    bills: Sequence[Bill] = ()
    """By method; none where no endpoint has a price."""
    needs: Sequence[memory.Need] = ()
    """Memory of one GPU, by stage."""
    gpu_memory: float = memory.GPU_MEMORY
    """Bytes of one GPU."""

    @property
    def dollars(self) -> float:
        """Of all stages."""
        return sum(c.dollars for c in self.costs)

    @property
    def gpu_hours(self) -> float:
        return sum(c.gpu_hours for c in self.costs)


def plan(
    experiment: Experiment, gpus: int = 1, assumptions: Assumptions | None = None, gpu_memory: float = memory.GPU_MEMORY
) -> Plan:
    """Estimate an experiment.

    Args:
        experiment: What is estimated.
        gpus: That share the work; a launcher trains on all of them.
        assumptions: Rates and shares.
        gpu_memory: Bytes of one GPU.

    Raises:
        BadInput: There is no GPU, a model's size cannot be read from its name, or the longest prompt does not fit the
            leader's context.
    """
    if gpus < 1:
        raise BadInput(f"--gpus {gpus}: expected the number of GPUs that share the work, 1 or more")
    lengths = lengths_of(experiment)
    train, test = _tasks(experiment, lengths)
    k, proposals = experiment.k, experiment.proposals
    samples = proposals.benchmark_samples
    first = sum(agent.asked(proposals.samples_per_agent) for agent in experiment.team.agents)
    assumed = assumptions or Assumptions()
    agents = [(a.model, experiment.engine_of(a)) for a in experiment.team.agents]
    estimate = _Estimate(experiment, assumed, lengths)

    costs = [
        estimate.generation("agent_proposals", train, first, agents, shown=0, alike=first / k),
        estimate.generation("benchmark_proposals", test, k * samples, agents, shown=0, alike=samples),
    ]
    longest = 0
    if leader := experiment.leader:
        leads = (leader.model, experiment.engine_of(leader))
        hard = {b: n * assumed.hard_share for b, n in train.items()}
        if experiment.sft.enabled:
            used = _limit(hard, experiment.sft.tasks)
            costs += [
                estimate.generation(
                    "sft_dataset", used, experiment.sft.samples, [leads], shown=k, alike=experiment.sft.samples
                ),
                estimate.updates(
                    "sft_leader", experiment.sft.steps * experiment.sft.batch_size, 1, leader.model, train
                ),
            ]
        rl = [("mlpo_leader", experiment.mlpo)] + (
            [("grpo_leader", experiment.grpo)] if experiment.grpo.enabled else []
        )
        for name, settings in rl:
            prompts = settings.steps * settings.prompts_per_step
            team = k if name == "mlpo_leader" else 0
            cost = estimate.rollouts(name, prompts, settings.group_size, leader.model, train, team)
            if name == "mlpo_leader" and experiment.mlpo.asks_team:
                cost = _together(cost, *estimate.asked_in_training(train, agents, leads))
            costs.append(cost)
        if not STAGES["deferral_leader"].skipped(experiment):
            rows = experiment.sft.steps * experiment.sft.batch_size
            costs.append(estimate.updates("deferral_leader", rows, k, leader.model, train))
        if not STAGES["score_leader"].skipped(experiment):
            costs.append(estimate.attempts("score_leader", leader.model, train))
        runs = len(experiment.benchmark.seeds) * _DIALOGUES * experiment.inference.rounds
        rounds = estimate.generation("team_rounds", test, runs * (k + 1), [*agents, leads], shown=k, alike=1)
        costs.append(rounds._replace(starts=estimate.starts_of_rounds(sum(test.values()), agents)))
        if not STAGES["dev_rounds"].skipped(experiment):
            costs.append(estimate.dev_rounds(_dev(experiment, lengths), agents, leads))
        costs.append(Cost("published_leader", 0, 0, 0, 0, estimate.published_bytes(leader)))
        longest = longest_prompt(experiment, lengths)
        room = leader.max_context - leader.max_new_tokens
        if longest > room and leader.shorten == "none":
            raise BadInput(
                f"leader.max_context: the longest leader prompt may take {longest} tokens, but max_context "
                f"{leader.max_context} less max_new_tokens {leader.max_new_tokens} leaves {room}. Raise "
                "leader.max_context, lower proposals.max_new_tokens, or set leader.information to answers or tail, "
                "or leader.shorten."
            )
    judge = experiment.grading.judge
    if judge and any(lengths[b].judged for b in estimate.graded):
        costs.append(estimate.judging(judge))
    here = [model for model, engine in agents if memory.is_here(model, engine)]
    models = [*here, *([leader.model] if leader else [])]
    rates = {m: rate.source for m in models if (rate := assumed.rate(m))}
    paid = any(engine.price for _, engine in agents) or bool(judge and judge.engine and judge.engine.price)
    billed = bills(experiment, test, estimate.call)
    context = leader.max_context if leader else 0
    held = memory.needs(experiment, gpus, gpu_memory, longest)
    return Plan(costs, longest, context, gpus, rates, paid, experiment.budget, billed, held, gpu_memory)


class _Estimate:
    def __init__(self, experiment: Experiment, assumptions: Assumptions, lengths: Mapping[str, Lengths]) -> None:
        self._experiment = experiment
        self._lengths = lengths
        self._assume = assumptions
        self.graded: dict[str, float] = {}
        """Answers by benchmark that stages grade, so far."""

    def judging(self, judge: Judge) -> Cost:
        """The judge of all answers so far."""
        calls, read, written, hours, dollars = judging(judge, self.graded, self._lengths, self._assume)
        return Cost("judge", calls, read, written, hours, 0.0, dollars)

    def _grades(self, answers: Mapping[str, float]) -> None:
        for benchmark, n in answers.items():
            self.graded[benchmark] = self.graded.get(benchmark, 0.0) + n

    def _answer(self, benchmark: str) -> float:
        return self._lengths[benchmark].written(self._experiment.proposals.max_new_tokens)

    def _prompt(self, benchmark: str, shown: int) -> float:
        return self._lengths[benchmark].read(shown, self._experiment.proposals.max_new_tokens)

    def call(self, benchmark: str, shown: int) -> tuple[float, float]:
        """Tokens read and written by one call."""
        return self._prompt(benchmark, shown), self._answer(benchmark)

    def _text_bytes(self, benchmark: str, tokens: float) -> float:
        return tokens * self._lengths[benchmark].chars_per_token * self._assume.bytes_per_character_stored

    def generation(
        self,
        stage: str,
        tasks: Mapping[str, float],
        per_task: int,
        models: Sequence[tuple[str, EngineConfig]],
        shown: int,
        alike: float,
    ) -> Cost:
        """Models share the generations evenly.

        Args:
            stage: The asset.
            tasks: Their number by benchmark.
            per_task: Generations for each.
            models: That write them; those of endpoints and recorded ones take no GPU.
            shown: Answers in a prompt.
            alike: Generations of a model that have one prompt: it is computed once, and paid for by an endpoint's price
                every time.
        """
        self._grades({b: n * per_task for b, n in tasks.items()})
        read = sum(n * per_task * self._prompt(b, shown) for b, n in tasks.items())
        written = sum(n * per_task * self._answer(b) for b, n in tasks.items())
        share = 1 / len(models)
        here = [model for model, engine in models if memory.is_here(model, engine)]
        hours = sum(self._assume.generation_hours(m, read / alike * share, written * share) for m in here)
        prices = [engine.price for _, engine in models if engine.price]
        dollars = sum(price.dollars(read * share, written * share) for price in prices)
        stored = sum(self._text_bytes(b, n * per_task * self._answer(b)) for b, n in tasks.items())
        rows, starts = int(sum(tasks.values()) * per_task), len(dict.fromkeys(here))
        return Cost(stage, rows, read, written, hours, stored, dollars, starts)

    def starts_of_rounds(self, tasks: float, agents: Sequence[tuple[str, EngineConfig]]) -> int:
        """Every model is started once in every round of a chunk of tasks; in the first round leaders alone."""
        experiment = self._experiment
        chunk = max(1, CHUNK_ROWS // (_DIALOGUES * len(experiment.benchmark.seeds)))
        here = len(dict.fromkeys(pair for pair in agents if memory.is_here(*pair)))
        rounds = experiment.inference.rounds
        return math.ceil(tasks / chunk) * (rounds * _LEADERS + (rounds - 1) * here)

    def dev_rounds(
        self, dev: Mapping[str, float], agents: Sequence[tuple[str, EngineConfig]], leads: tuple[str, EngineConfig]
    ) -> Cost:
        """The leader with its team in every round, its agents' revisions, and the leader alone, for every seed. A
        revision reads its agent's own answer and the leader's."""
        seeds, team = len(self._experiment.benchmark.seeds), tuple(a.name for a in self._experiment.team.agents)
        rounds, k = led("mlpo_leader", team).dialogue.rounds(self._experiment), len(team)
        parts = [
            self.generation("dev_rounds", dev, seeds * rounds, [leads], shown=k, alike=1),
            self.generation("dev_rounds", dev, seeds, [leads], shown=0, alike=seeds),
        ]
        if rounds > 1:
            parts.append(self.generation("dev_rounds", dev, seeds * (rounds - 1) * k, agents, shown=2, alike=1))
        return _together(*parts)

    def asked_in_training(
        self, tasks: Mapping[str, float], agents: Sequence[tuple[str, EngineConfig]], leads: tuple[str, EngineConfig]
    ) -> Iterator[Cost]:
        """What the team writes while the leader is trained, and the leader to lead it: a prompt's round is drawn evenly
        from all. Nothing of it is stored but beside the leader."""
        settings, k = self._experiment.mlpo, self._experiment.k
        prompts = settings.steps * settings.prompts_per_step * (1 - settings.solo_share)
        total = sum(tasks.values()) or 1
        shown = {benchmark: prompts * n / total for benchmark, n in tasks.items()}
        blocks = math.ceil(settings.steps / settings.refresh_steps)
        if settings.online:
            made = self.generation("mlpo_leader", shown, k, agents, shown=0, alike=1)
            yield made._replace(rows=0, starts=blocks * made.starts)
        if settings.rounds > 1:
            later = {benchmark: n * (settings.rounds - 1) / 2 for benchmark, n in shown.items()}
            made = self.generation("mlpo_leader", later, k, agents, shown=2, alike=1)
            yield made._replace(rows=0, starts=blocks * (settings.rounds - 1) * made.starts)
            led = self.generation("mlpo_leader", later, 1, [leads], shown=k, alike=1)
            yield led._replace(rows=0, starts=0)

    def published_bytes(self, leader: Leader) -> float:
        """Of the weights; none of an adapter, which is small."""
        tuned = [self._experiment.mlpo, *([self._experiment.sft] if self._experiment.sft.enabled else [])]
        base = Reference("leader", "leader.model", leader.model, leader.revision, leader.trust_remote_code)
        if kind_of(base) == "hub" and all(settings.lora.rank for settings in tuned):
            return 0.0
        return self.saved_bytes(leader.model, any(settings.lora.rank for settings in tuned))

    def saved_bytes(self, model: str, adapted: bool) -> float:
        """Of a checkpoint: float32 where all weights were trained, bfloat16 where an adapter was merged into them."""
        return parameters(model) * self._assume.bytes_per_parameter * (0.5 if adapted else 1.0)

    def updates(self, stage: str, rows: int, shown: int, model: str, tasks: Mapping[str, float]) -> Cost:
        total = sum(tasks.values()) or 1
        read = sum(rows * n / total * self._prompt(b, shown) for b, n in tasks.items())
        written = sum(rows * n / total * 2 * self._answer(b) for b, n in tasks.items())
        hours = self._assume.training_hours(model, read + written)
        settings = {"mlpo_leader": self._experiment.mlpo, "grpo_leader": self._experiment.grpo}
        adapted = settings.get(stage, self._experiment.sft).lora.rank > 0
        return Cost(stage, rows, read, written, hours, self.saved_bytes(model, adapted), starts=1)

    def rollouts(
        self, stage: str, prompts: int, group: int, model: str, tasks: Mapping[str, float], shown: int
    ) -> Cost:
        total = sum(tasks.values()) or 1
        self._grades({b: prompts * group * n / total for b, n in tasks.items()})
        update = self.updates(stage, prompts * group, shown, model, tasks)
        written = update.completion_tokens / 2
        hours = self._assume.generation_hours(model, update.prompt_tokens / group, written)
        hours += self._assume.training_hours(model, update.prompt_tokens + written)
        return update._replace(completion_tokens=written, gpu_hours=hours)

    def attempts(self, stage: str, model: str, tasks: Mapping[str, float]) -> Cost:
        """Rollouts of a leader that corrects itself, in MLPO's steps: every second prompt is another, and shows one
        answer."""
        settings = self._experiment.score
        prompts = self._experiment.mlpo.steps * settings.prompts_per_step
        first = self.rollouts(stage, prompts, settings.group_size, model, tasks, 0)
        second = self.rollouts(stage, prompts * settings.group_size, 1, model, tasks, 1)
        return first._replace(
            rows=first.rows + second.rows,
            prompt_tokens=first.prompt_tokens + second.prompt_tokens,
            completion_tokens=first.completion_tokens + second.completion_tokens,
            gpu_hours=first.gpu_hours + second.gpu_hours,
        )


def _together(*parts: Cost) -> Cost:
    """Parts of one stage."""
    return Cost(parts[0].stage, *(sum(values) for values in zip(*(part[1:] for part in parts), strict=True)))


def _tasks(experiment: Experiment, known: Mapping[str, Lengths]) -> tuple[dict[str, float], dict[str, float]]:
    train: dict[str, float] = {}
    test: dict[str, float] = {}
    for source in experiment.tasks:
        lengths = known[source.benchmark]
        divided = source.divide_test or not lengths.train
        train[source.benchmark] = _size(source, lengths.test * 0.6 if divided else lengths.train, source.train)
        train[source.benchmark] += source.dev or 0
        test[source.benchmark] = _size(source, lengths.test * 0.3 if divided else lengths.test, source.test)
    return train, test


def _dev(experiment: Experiment, known: Mapping[str, Lengths]) -> dict[str, float]:
    found: dict[str, float] = {}
    for source in experiment.tasks:
        lengths, (train, dev, _) = known[source.benchmark], source.shares
        divided = source.divide_test or not lengths.train
        published = lengths.test * dev if divided else lengths.train * dev / ((train + dev) or 1)
        found[source.benchmark] = _size(source, published, source.dev)
    return found


def _size(source: TaskSource, published: float, limit: int | None) -> float:
    if limit is None:
        return published
    return float(limit) if source.benchmark == "procedural" else min(published, limit)


def _limit(tasks: Mapping[str, float], most: int | None) -> dict[str, float]:
    total = sum(tasks.values())
    scale = min(1.0, most / total) if most and total else 1.0
    return {b: n * scale for b, n in tasks.items()}
