"""Puts a trained leader to work: it and its team answer questions, from Python, on the terminal, or over HTTP."""

from mlpo_core.serving.answer import Answer
from mlpo_core.serving.leader import Leader

__all__ = ["Answer", "Leader"]
