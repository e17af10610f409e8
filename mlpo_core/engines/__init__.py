"""What generates text: one protocol, four engines."""

from mlpo_core.engines.protocol import Engine, Sampling, open_engine

__all__ = ["Engine", "Sampling", "open_engine"]
