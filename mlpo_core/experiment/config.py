"""The experiment: its sections together.

Each top-level section is what one or more stages read; a stage's key covers exactly the sections, or the settings of
one, that it declares (`mlpo_core.chain.stages`), so changing a value recomputes only what depends on it.
"""

import math
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, model_validator

from mlpo_core.experiment.benchmark import Benchmark, Inference
from mlpo_core.experiment.claims import Claims
from mlpo_core.experiment.engine import EngineConfig
from mlpo_core.experiment.grading import Grading
from mlpo_core.experiment.hub import PushToHub
from mlpo_core.experiment.map import Map
from mlpo_core.experiment.models import BaseModels
from mlpo_core.experiment.prompts import Prompts
from mlpo_core.experiment.proposals import Filter, Proposals
from mlpo_core.experiment.section import Name, Section, Seed
from mlpo_core.experiment.tasks import TaskSource
from mlpo_core.experiment.team import RECORDED, Agent, Leader, Team
from mlpo_core.experiment.trackers import Tracker
from mlpo_core.experiment.training import MLPO, RL, SFT, GRPOBaseline, SCoRe

LONGEST_NAME = 240
"""Bytes of an experiment's name: it is a file's name, with an ending, wherever the root is."""
MOST_POINTS = 10_000
_S = TypeVar("_S", bound=Section)
OPERATION = frozenset({"launcher", "sharding", "show_points", "ask", "budget", "push_to_hub", "trackers", "map"})
"""Settings that say how the work is done and nothing about what comes of it: in no key and in no report."""


class Experiment(Section):
    """One experiment: one YAML file, one Dagster partition."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.,=\[\]+-]*(--[^\s\p{C}]+)?$", max_length=LONGEST_NAME)]
    """The file's stem; `stem--section.key=value` for a sweep point (see `mlpo_core.experiment.files`)."""
    description: str = ""
    seed: Seed = 1
    tasks: tuple[TaskSource, ...] = Field(min_length=1)
    team: Team
    leader: Leader | None = None
    base_models: BaseModels = BaseModels()
    prompts: Prompts = Prompts()
    proposals: Proposals = Proposals()
    filter: Filter = Filter()
    sft: SFT = SFT()
    mlpo: MLPO = MLPO()
    grpo: GRPOBaseline = GRPOBaseline()
    score: SCoRe = SCoRe()
    inference: Inference = Inference()
    benchmark: Benchmark = Benchmark()
    engine: EngineConfig = EngineConfig()
    grading: Grading = Grading()
    launcher: Literal["local", "torchrun", "ray"] = "local"
    sharding: Literal["none", "fsdp2"] = "none"
    """With `launcher: torchrun` or `ray`: whether the processes that train the leader divide its weights, gradients and
    optimizer states among them (FSDP2), for leaders that one GPU cannot hold. In no key, as `launcher`: what is trained
    is the same up to rounding."""
    sweep: dict[str, tuple[Any, ...] | dict[Name, dict[str, Any]]] = Field(default={})
    """Axes of a grid: the values of a setting, or named groups of settings (see `mlpo_core.experiment.files`)."""
    trained_by: str = ""
    """Another experiment, or a point of its sweep, whose leaders are tested here: with another team, or on other tasks.
    What training makes is made with that experiment's settings; everything else with this one's."""
    show_points: bool = True
    """Whether the points of `sweep` are partitions in Dagster, as the experiment itself is. Hidden ones can be run by
    name."""
    ask: bool = False
    """Whether a run in Dagster must be meant before it makes anything, for what costs more than a click should: it then
    needs the tag `mlpo/approved` with this experiment's name. Reuse never asks."""
    budget: float | None = Field(default=None, ge=0)
    """Dollars that this experiment, with the points of its sweep, may spend in all on endpoints, by the prices of their
    engines. A run ends before it would spend more; what it has paid for is kept, and a run with more goes on there."""
    claims: Claims | None = None
    """What is tested over the points of `sweep`."""
    map: Map | None = None
    """What the points of `sweep` are to each other: `mlpo map` lays the tests of `claims` out over them."""
    trackers: tuple[Tracker, ...] = ()
    """Who is told the figures of every training while it runs: `[tensorboard]`, `[wandb]`, `[trackio]`, or another that
    transformers reports to. No version depends on it. Only the experiment's file sets it."""
    push_to_hub: PushToHub | None = None
    """Where `mlpo push` sends the leader and its traces; nothing is sent without it."""

    @model_validator(mode="before")
    @classmethod
    def _baselines_like_mlpo(cls, data: Any) -> Any:
        if isinstance(data, dict) and all(isinstance(data.get(s, {}), dict) for s in ("mlpo", "grpo", "score")):
            shared = {k: v for k, v in data.get("mlpo", {}).items() if k in RL.model_fields and k != "solo_share"}
            once = {k: v for k, v in shared.items() if k not in ("beta", "num_iterations")}
            own = {"grpo": {**shared, **data.get("grpo", {})}, "score": {**once, **data.get("score", {})}}
            return {**data, **own}
        return data

    @model_validator(mode="after")
    def _resolve_seeds(self) -> Self:
        tasks = tuple(t if t.seed is not None else t.model_copy(update={"seed": self.seed}) for t in self.tasks)
        object.__setattr__(self, "tasks", tasks)
        if self.base_models.seed is None:
            object.__setattr__(self, "base_models", self.base_models.model_copy(update={"seed": self.seed}))
        return self

    @model_validator(mode="after")
    def _resolve_checkers(self) -> Self:
        found = {task.benchmark: task.checker for task in self.tasks if task.checker}
        for index, task in enumerate(self.tasks):
            if task.checker != found.get(task.benchmark, ""):
                raise ValueError(f"tasks.{index}.checker: {task.benchmark} has another one in its other source")
        if self.grading.checkers not in ({}, found):
            raise ValueError("grading.checkers: is filled in when the experiment is read; say tasks.N.checker")
        object.__setattr__(self, "grading", self.grading.model_copy(update={"checkers": found}))
        return self

    @model_validator(mode="after")
    def _only_several_share(self) -> Self:
        if self.sharding != "none" and self.launcher == "local":
            raise ValueError(f"sharding: {self.sharding} needs several processes: launcher: torchrun, or ray")
        return self

    @model_validator(mode="after")
    def _code_may_run(self) -> Self:
        for index, task in enumerate(self.tasks):
            if task.answer_kind == "tests" and not self.grading.run_code:
                raise ValueError(
                    f"tasks.{index}.answer_kind: tests runs what models wrote, and nothing of it is run unless the "
                    "file says so: grading: {run_code: true}"
                )
        return self

    @model_validator(mode="after")
    def _judge_is_named(self) -> Self:
        judge = self.grading.judge
        judged = [f"tasks.{i}.answer_kind" for i, task in enumerate(self.tasks) if task.answer_kind == "judge"]
        if judged and judge is None:
            raise ValueError(f"{judged[0]}: judge takes one: grading: {{judge: {{model: …, rubric: …}}}}")
        if judge is None:
            return self
        engine = judge.engine or self.engine
        if engine.kind == "recorded":
            raise ValueError("grading.judge.engine.kind: recorded answers nothing new: openai, transformers or vllm")
        rewards = self.leader is not None and not self.trained_by
        trained = [i for i, task in enumerate(self.tasks) if task.answer_kind == "judge" and task.train != 0]
        if trained and rewards and not judge.labelled:
            raise ValueError(
                f"tasks.{trained[0]}.answer_kind: a judge may train a leader only when it was held against people: "
                "grading.judge.labelled: a file of question, answer and right (1 or 0)"
            )
        filled = judge.model_copy(update={"engine": engine, "rewards": rewards})
        object.__setattr__(self, "grading", self.grading.model_copy(update={"judge": filled}))
        return self

    @model_validator(mode="after")
    def _sweep_is_bounded(self) -> Self:
        count = math.prod(map(len, self.sweep.values()))
        if count > MOST_POINTS:
            raise ValueError(f"sweep: has {count} points; at most {MOST_POINTS}")
        return self

    @model_validator(mode="after")
    def _claims_and_map_have_points(self) -> Self:
        if self.claims:
            self.claims.check(self.sweep)
        if self.map and self.claims is None:
            raise ValueError("map: lays out what claims tests: say claims too")
        if self.map and self.claims:
            self.map.check(self.claims, self.sweep)
        return self

    @model_validator(mode="before")
    @classmethod
    def _engines_of_members(cls, data: Any) -> Any:
        """Fill in what a member's own engine leaves to the experiment's."""
        if not isinstance(data, dict) or not isinstance(shared := data.get("engine", {}), dict):
            return data
        team, leader = data.get("team"), data.get("leader")
        if isinstance(team, dict) and isinstance(agents := team.get("agents"), list | tuple):
            data = {**data, "team": {**team, "agents": [_with_engine(agent, shared) for agent in agents]}}
        if isinstance(grading := data.get("grading"), dict) and isinstance(judge := grading.get("judge"), dict):
            data = {**data, "grading": {**grading, "judge": _with_engine({"engine": {}, **judge}, shared)}}
        return {**data, "leader": _with_engine(leader, shared)} if leader is not None else data

    def engine_of(self, member: Agent | Leader) -> EngineConfig:
        """What generates a member's text."""
        return member.engine or self.engine

    def voice(self, agent: Agent) -> str:
        """By what the seeds of an agent's answers are drawn.

        That is its name. Where an endpoint answers it is what is asked there, so that a renamed agent asks nothing
        again; of agents that ask the same, the second and third are told apart.
        """
        if self.engine_of(agent).kind != "openai":
            return agent.name

        def asks(other: Agent) -> tuple[Any, ...]:
            return (
                self.engine_of(other).kind,
                other.model,
                other.system_prompt,
                other.prompt,
                other.temperature,
                other.top_p,
            )

        alike = [other.name for other in self.team.agents if asks(other) == asks(agent)]
        return f"openai {agent.model} {alike.index(agent.name)}"

    @model_validator(mode="after")
    def _templates_are_here(self) -> Self:
        for index, agent in enumerate(self.team.agents):
            if agent.chat_template and self.engine_of(agent).kind in ("openai", "recorded"):
                raise ValueError(
                    f"team.agents.{index}.chat_template: no template is applied here for {agent.name}; what its "
                    "endpoint takes is said by engine: {extra_body: {chat_template_kwargs: …}}"
                )
        return self

    @model_validator(mode="after")
    def _leader_is_here(self) -> Self:
        if self.leader and self.engine_of(self.leader).kind == "openai":
            raise ValueError(
                "leader.engine.kind: the leader is trained here, so no endpoint has it: "
                "leader: {engine: {kind: transformers}} (or vllm)"
            )
        return self

    @model_validator(mode="after")
    def _answers_alone_are_shown(self) -> Self:
        if self.base_models.checkable == "answers" and self.leader and self.leader.information != "answers":
            raise ValueError(
                "base_models.checkable: answers is how the leader reads its team in pre-training; let it read them so "
                "in use: leader: {information: answers}"
            )
        return self

    @model_validator(mode="after")
    def _votes_need_a_team(self) -> Self:
        if self.leader is None or self.leader.information != "votes":
            return self
        alone = {
            "sft.solo_share": self.sft.enabled and self.sft.solo_share > 0,
            "mlpo.solo_share": self.mlpo.solo_share > 0,
            "grpo.enabled": self.grpo.enabled,
        }
        if wrong := [setting for setting, asks in alone.items() if asks]:
            raise ValueError(
                f"{wrong[0]}: a leader that is shown votes (leader.information) sees no question, so that there is "
                "nothing to ask it alone: set sft.solo_share and mlpo.solo_share to 0, and grpo.enabled to false"
            )
        return self

    @model_validator(mode="after")
    def _budget_has_prices(self) -> Self:
        engines = [(f"team.agents.{i}.engine", self.engine_of(a)) for i, a in enumerate(self.team.agents)]
        if (judge := self.grading.judge) and judge.engine:
            engines.append(("grading.judge.engine", judge.engine))
        unknown = [where for where, engine in engines if engine.kind == "openai" and engine.price is None]
        if self.budget is not None and unknown:
            raise ValueError(
                f"budget: what {unknown[0]} costs is not known: give it, or the experiment's engine, "
                "price: {input: …, output: …}, in dollars per million tokens"
            )
        return self

    @model_validator(mode="after")
    def _resolve_recorded(self) -> Self:
        agents = [a for a in self.team.agents if not a.model.startswith(RECORDED)]
        if generating := [a.name for a in agents if self.engine_of(a).kind == "recorded"]:
            raise ValueError(f"engine.kind: recorded generates nothing: give {generating} a model {RECORDED}<agent>")
        names = tuple(a.model.removeprefix(RECORDED) for a in self.team.agents if a.model.startswith(RECORDED))
        if wrong := [name for name in names if not 1 <= len(name) <= 200]:
            raise ValueError(f"team.agents: {RECORDED}{wrong[0]:.40} does not say whose answers: {RECORDED}<agent>")
        if names and self.mlpo.rounds > 1:
            raise ValueError("mlpo.rounds: recorded agents cannot revise their answers: set it to 1")
        if names and self.mlpo.online:
            raise ValueError("mlpo.online: recorded agents cannot answer anew: set it to false")
        if not self.engine.recorded and (names or any(t.source == "recorded" for t in self.tasks)):
            raise ValueError("engine.recorded must name the folder of recorded tasks and responses")
        tasks = tuple(
            t.model_copy(update={"answered_by": names}) if t.source == "recorded" and not t.answered_by else t
            for t in self.tasks
        )
        object.__setattr__(self, "tasks", tasks)
        return self

    def as_point(self, name: str) -> Self:
        """A point of its sweep under its own name: without what is about all points."""
        return self.model_copy(update={"name": name, "sweep": {}, "claims": None, "map": None})

    @property
    def stem(self) -> str:
        """Its file's name: what the points of its sweep, and runs with other settings, have in common."""
        return self.name.partition("--")[0]

    @property
    def k(self) -> int:
        """K, the number of agents."""
        return len(self.team.agents)


def _with_engine(member: Any, shared: dict[str, Any]) -> Any:
    own: Any = member.get("engine") if isinstance(member, dict) else None
    return {**member, "engine": {**shared, **own}} if isinstance(own, dict) else member


def without_engines(experiment: Experiment) -> Experiment:
    """A copy for a stage that generates nothing: no member has an engine of its own."""
    agents = tuple(agent.model_copy(update={"engine": None}) for agent in experiment.team.agents)
    leader = experiment.leader and experiment.leader.model_copy(update={"engine": None})
    return experiment.model_copy(
        update={"team": experiment.team.model_copy(update={"agents": agents}), "leader": leader}
    )


def restrict(experiment: Experiment, parts: tuple[str, ...]) -> Experiment:
    """A copy that holds only these parts: reading any other raises AttributeError.

    A stage gets this, so that it cannot depend on a setting that its key does not cover.

    Args:
        experiment: The whole.
        parts: Sections, `mlpo`, or single settings of one, `mlpo.solo_share`.
    """
    wanted: dict[str, set[str]] = {}
    for part in parts:
        name, _, setting = part.partition(".")
        wanted.setdefault(name, set()).add(setting)
    return _only(experiment, {n: _part(getattr(experiment, n), settings) for n, settings in wanted.items()})


def _part(section: Any, settings: set[str]) -> Any:
    """A section with these settings alone; as it is where it is wanted whole, or where there is none."""
    return section if section is None or "" in settings else _only(section, {s: getattr(section, s) for s in settings})


def _only(section: _S, values: dict[str, Any]) -> _S:
    view = section.model_construct(**values)
    for name in type(section).model_fields:
        if name not in values:
            vars(view).pop(name, None)
    return view
