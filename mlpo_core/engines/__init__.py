"""What generates text: one protocol, four engines."""

from mlpo_core.engines.opening import open_engine
from mlpo_core.engines.protocol import Engine, Sampling

__all__ = ["Engine", "Sampling", "open_engine"]
