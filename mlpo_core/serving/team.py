"""A leader and its agents with their engines open."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager

from mlpo_core.engines import Engine, open_engine
from mlpo_core.experiment import EngineConfig, Experiment
from mlpo_core.models.locate import Located
from mlpo_core.serving.line import Line
from mlpo_core.serving.member import Member
from mlpo_core.serving.source import Source
from mlpo_core.serving.turns import Turns
from mlpo_core.serving.workshop import Workshop

LEADER = "leader"
_Model = tuple[Located, bool, EngineConfig]


class Team:
    """Opens every model once, also where several members share it.

    Args:
        source: What is loaded.
        wait_s: Seconds after which an agent is late.
        apart: Whether models that this machine computes are held by a process of their own.
    """

    def __init__(self, source: Source, wait_s: float, apart: bool = False) -> None:
        self.experiment: Experiment = source.experiment
        self.stop = source.stop
        self._lines: dict[_Model, Line] = {}
        self._turns = Turns()
        self._workshop: Workshop | None = None
        self._apart = apart
        models = _models(source)
        try:
            for model in dict.fromkeys(models.values()):
                self._lines[model] = Line(self._open(model, len(set(models.values()))), self._turns)
        except BaseException:
            self.close()
            raise
        self.leader = Member(LEADER, self._lines[models[LEADER]], None)
        self.agents: Mapping[str, Member] = {
            name: Member(name, self._lines[model], wait_s) for name, model in models.items() if name != LEADER
        }

    @property
    def down(self) -> int:
        """How many agents were late or away a moment ago."""
        return sum(member.down for member in self.agents.values())

    @property
    def ended(self) -> bool:
        """Whether the process that holds models is no more: nobody will be answered again."""
        return self._workshop is not None and self._workshop.ended

    def talk(self) -> AbstractContextManager[None]:
        """Spans the work on one question."""
        return self._turns.talk()

    def close(self, wait_s: float | None = None) -> bool:
        """Free the engines; whether all were free within so many seconds (None waits)."""
        self._turns.close()
        lines = list(self._lines.values())
        self._lines.clear()
        if self._workshop:
            self._workshop.close()
        pool = ThreadPoolExecutor(len(lines) or 1)
        left = wait([pool.submit(line.close) for line in lines], wait_s).not_done
        pool.shutdown(wait=not left)
        return not left

    def _open(self, model: _Model, models: int) -> Engine:
        located, trust, engine = model
        if self._apart and engine.kind == "transformers":
            self._workshop = self._workshop or Workshop()
            return self._workshop.open(engine, located.model, located.revision, trust)
        return open_engine(_sharing(engine, models), located.model, revision=located.revision, trust_remote_code=trust)


def _models(source: Source) -> dict[str, _Model]:
    """The model behind every member, the leader last: in the order in which they are asked."""
    experiment, leader = source.experiment, source.experiment.leader
    found = {
        agent.name: (source.agents[agent.name], agent.trust_remote_code, experiment.engine_of(agent))
        for agent in experiment.team.agents
    }
    engine = experiment.engine_of(leader) if leader else experiment.engine
    return {**found, LEADER: (source.leader, leader is not None and leader.trust_remote_code, engine)}


def _sharing(engine: EngineConfig, models: int) -> EngineConfig:
    """The settings of one of several engines that stay open on one device: vLLM's take an equal share of its memory."""
    return engine.model_copy(update={"gpu_memory_utilization": engine.gpu_memory_utilization / models})
