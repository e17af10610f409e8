"""Where a server listens, and what it bears."""

from typing import NamedTuple


class Place(NamedTuple):
    """Address and port (0: any that is free)."""

    host: str = "127.0.0.1"
    port: int = 8000


class Limits(NamedTuple):
    """What a server bears.

    Attributes:
        at_once: Requests that are worked on together.
        waiting: Requests that may wait beside them; more are refused.
        agent_s: Seconds after which an agent is left out.
        floor: Fewest agents that must have answered.
        log_content: Whether questions and answers are logged.
    """

    at_once: int = 32
    waiting: int = 64
    agent_s: float = 60.0
    floor: int = 1
    log_content: bool = False
