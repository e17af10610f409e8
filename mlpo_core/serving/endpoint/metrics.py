"""What Prometheus reads: requests, seconds by stage, tokens by member, agents that are down."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mlpo_core.serving import Answer, Leader
from mlpo_core.serving.endpoint.admission import Admission

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, 600)


class Metrics:
    """The figures of one server."""

    def __init__(self, leaders: Mapping[str, Leader], admission: Admission) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "mlpo_requests",
            "Requests by model and HTTP status; 499: the client left.",
            ["model", "status"],
            registry=registry,
        )
        self._stages = Histogram(
            "mlpo_stage_seconds",
            "Seconds of a request: waiting, in agents, in the leader, and of the whole.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "mlpo_tokens",
            "Tokens by leader, member and direction.",
            ["leader", "member", "direction"],
            registry=registry,
        )
        self._absent = Counter(
            "mlpo_absent", "Answers of agents that were missing.", ["leader", "agent"], registry=registry
        )
        down = Gauge("mlpo_agents_down", "Agents that were late or away a moment ago.", ["leader"], registry=registry)
        for name, leader in leaders.items():
            down.labels(name).set_function(lambda leader=leader: leader.agents_down)
        inside = Gauge("mlpo_requests_inside", "Requests that are worked on, or wait.", ["state"], registry=registry)
        inside.labels("running").set_function(lambda: admission.running)
        inside.labels("waiting").set_function(lambda: admission.waiting)

    def request(self, model: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(model, str(status)).inc()
        self._stages.labels("whole").observe(seconds)

    def waited(self, seconds: float) -> None:
        """Count what a request has waited."""
        self._stages.labels("waiting").observe(seconds)

    def answer(self, leader: str, answer: Answer) -> None:
        """Count what was behind an answer."""
        self._stages.labels("agents").observe(answer.agents_s)
        self._stages.labels("leader").observe(answer.leader_s)
        for member, usage in answer.members.items():
            self._tokens.labels(leader, member, "read").inc(usage.prompt_tokens)
            self._tokens.labels(leader, member, "written").inc(usage.completion_tokens)
        for absent in answer.absent:
            self._absent.labels(leader, absent.member).inc()

    def page(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self._registry)
