"""Which stages apply to an experiment, and what of its settings they read."""

from collections.abc import Mapping
from typing import Any

from mlpo_core.experiment import Benchmark, EngineConfig, Experiment, Inference, without_engines
from mlpo_core.methods import from_plug_ins, selected
from mlpo_core.methods.adaptive import ADAPTIVE, SOLO, TEAM
from mlpo_core.methods.score_leader import NAME as SCORE

_UNREAD: Mapping[str, Any] = {
    "prompt": "",
    "temperature": None,
    "system_prompt": "",
    "samples": None,
    "top_p": None,
    "chat_template": {},
}
"""What finding or making an agent's model does not read of it."""


def needs_leader(experiment: Experiment) -> str | None:
    """Why a stage that trains or asks a leader does not apply, or None."""
    return None if experiment.leader else "the experiment has no leader"


def needs_sft(experiment: Experiment) -> str | None:
    """The same for supervised fine-tuning."""
    return needs_leader(experiment) or (None if experiment.sft.enabled else "sft.enabled is false")


def needs_grpo(experiment: Experiment) -> str | None:
    """The same for the baseline without a team."""
    if reason := needs_leader(experiment):
        return reason
    return None if experiment.grpo.enabled else "grpo.enabled is false"


def needs_deferral(experiment: Experiment) -> str | None:
    """The same for the leader that names whom to trust."""
    if reason := needs_leader(experiment):
        return reason
    return None if "deferral_leader" in selected(experiment) else "benchmark.methods does not name deferral_leader"


def needs_score(experiment: Experiment) -> str | None:
    """The same for the leader that corrects itself."""
    if reason := needs_leader(experiment):
        return reason
    asked = any(m.dialogue and m.dialogue.leader == SCORE for m in selected(experiment).values())
    return None if asked else f"benchmark.methods does not name {SCORE}"


def with_score(experiment: Experiment) -> tuple[str, ...]:
    """What is shown of it where it is trained: else its settings are in no key."""
    return () if needs_score(experiment) else ("score",)


def needs_stop(experiment: Experiment) -> str | None:
    """The same for rounds on dev tasks, on which it is chosen when to stop."""
    if reason := needs_leader(experiment):
        return reason
    if experiment.inference.stop is None:
        return "inference.stop is not set"
    return None if ADAPTIVE in selected(experiment) else f"benchmark.methods does not name {ADAPTIVE}"


def for_stopping(experiment: Experiment) -> Experiment:
    """Of `benchmark` and `inference` only what is run on dev tasks: another price chooses among the same rounds."""
    benchmark = Benchmark(methods=(TEAM, SOLO), seeds=experiment.benchmark.seeds)
    return experiment.model_copy(update={"benchmark": benchmark, "inference": _without_stop(experiment)})


def _without_stop(experiment: Experiment) -> Inference:
    return experiment.inference.model_copy(update={"stop": None})


def generating(experiment: Experiment) -> Experiment:
    """Of `benchmark` only what generates and what is timed: another vote must not make all rounds again."""
    called = {method.name: path for path, method in from_plug_ins(experiment).items()}
    methods = tuple(called.get(name, name) for name, method in selected(experiment).items() if method.dialogue)
    whole = experiment.benchmark
    benchmark = Benchmark(methods=methods, seeds=whole.seeds, latency_tasks=whole.latency_tasks)
    alike = asked_alike(experiment)
    return alike.model_copy(update={"benchmark": benchmark, "inference": _without_stop(experiment)})


def asked_alike(experiment: Experiment) -> Experiment:
    """A team without `samples`, which count on train and dev tasks only."""
    agents = tuple(agent.model_copy(update={"samples": None}) for agent in experiment.team.agents)
    return experiment.model_copy(update={"team": experiment.team.model_copy(update={"agents": agents})})


def asked_in_training(experiment: Experiment) -> tuple[str, ...]:
    """What generates the agents' answers and revisions during training."""
    settings = experiment.mlpo
    if not settings.asks_team:
        return ()
    first = ("proposals.temperature",) if settings.online else ()
    later = ("inference.temperature", "inference.agent_temperature") if settings.rounds > 1 else ()
    return ("team", "engine", *first, "proposals.top_p", "proposals.max_new_tokens", *later)


def the_agents(_: Experiment) -> tuple[str, ...]:
    """Who generates in a stage: the team."""
    return ("agents",)


def the_leader(_: Experiment) -> tuple[str, ...]:
    """The same: the leader."""
    return ("leader",)


def everybody(_: Experiment) -> tuple[str, ...]:
    """The same: team and leader."""
    return ("agents", "leader")


def agents_in_training(experiment: Experiment) -> tuple[str, ...]:
    """The same: the team, if it generates while the leader is trained."""
    return ("agents",) if experiment.mlpo.asks_team else ()


def no_engine(experiment: Experiment) -> Experiment:
    """Of engines only whose agents' models are an endpoint's, and where recorded files are: nothing is generated.

    Nor of agents how they are asked.
    """
    agents = tuple(
        agent.model_copy(update={"engine": EngineConfig(kind="openai" if remote else "transformers"), **_UNREAD})
        for agent, remote in ((a, experiment.engine_of(a).kind == "openai") for a in experiment.team.agents)
    )
    bare = without_engines(experiment)
    return bare.model_copy(
        update={
            "team": bare.team.model_copy(update={"agents": agents}),
            "leader": bare.leader and bare.leader.model_copy(update={"system_prompt": "", "shorten": "none"}),
            "engine": EngineConfig(recorded=experiment.engine.recorded),
        }
    )


def of_models(experiment: Experiment) -> Experiment:
    """The experiment for a stage that makes models: of what the leader is shown it reads only whether that is votes."""
    narrowed = no_engine(experiment)
    leader = narrowed.leader
    if leader is None or leader.information == "votes":
        return narrowed
    return narrowed.model_copy(update={"leader": leader.model_copy(update={"information": "full"})})


def leaders_engine(experiment: Experiment) -> Experiment:
    """Of engines only the leader's."""
    bare = without_engines(experiment)
    leader = experiment.leader
    return bare.model_copy(update={"engine": experiment.engine_of(leader)} if leader else {})
