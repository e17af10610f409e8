"""Which stages apply to an experiment, and what of its settings they read."""

from mlpo_core.experiment import Benchmark, EngineConfig, Experiment, without_engines
from mlpo_core.methods import from_plug_ins, selected


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


def generating(experiment: Experiment) -> Experiment:
    """Of `benchmark` only what generates and what is timed: another vote must not make all rounds again."""
    called = {method.name: path for path, method in from_plug_ins(experiment).items()}
    methods = tuple(called.get(name, name) for name, method in selected(experiment).items() if method.dialogue)
    whole = experiment.benchmark
    benchmark = Benchmark(methods=methods, seeds=whole.seeds, latency_tasks=whole.latency_tasks)
    return experiment.model_copy(update={"benchmark": benchmark})


def later_rounds(experiment: Experiment) -> tuple[str, ...]:
    """What generates the agents' revisions during training."""
    if experiment.mlpo.rounds == 1:
        return ()
    sampling = ("proposals.top_p", "proposals.max_new_tokens", "inference.temperature", "inference.agent_temperature")
    return ("team", "engine", *sampling)


def the_agents(_: Experiment) -> tuple[str, ...]:
    """Who generates in a stage: the team."""
    return ("agents",)


def the_leader(_: Experiment) -> tuple[str, ...]:
    """The same: the leader."""
    return ("leader",)


def everybody(_: Experiment) -> tuple[str, ...]:
    """The same: team and leader."""
    return ("agents", "leader")


def agents_of_later_rounds(experiment: Experiment) -> tuple[str, ...]:
    """The same: the team, if training goes beyond the first round."""
    return ("agents",) if experiment.mlpo.rounds > 1 else ()


def no_engine(experiment: Experiment) -> Experiment:
    """Of engines only whose agents' models are an endpoint's, and where recorded files are: nothing is generated.

    Nor of agents how they are asked.
    """
    agents = tuple(
        agent.model_copy(
            update={
                "engine": EngineConfig(kind="openai" if remote else "transformers"),
                "prompt": "",
                "temperature": None,
            }
        )
        for agent, remote in ((a, experiment.engine_of(a).kind == "openai") for a in experiment.team.agents)
    )
    bare = without_engines(experiment)
    return bare.model_copy(
        update={
            "team": bare.team.model_copy(update={"agents": agents}),
            "engine": EngineConfig(recorded=experiment.engine.recorded),
        }
    )


def leaders_engine(experiment: Experiment) -> Experiment:
    """Of engines only the leader's."""
    bare = without_engines(experiment)
    leader = experiment.leader
    return bare.model_copy(update={"engine": experiment.engine_of(leader)} if leader else {})
