"""Code of others that an experiment names: found by import path or entry point, and fingerprinted for keys."""

from mlpo_core.plugins.loading import CHECKERS, FILTERS, METHODS, ORDERS, REWARDS, is_plug_in, load
from mlpo_core.plugins.source import fingerprint

__all__ = ["CHECKERS", "FILTERS", "METHODS", "ORDERS", "REWARDS", "fingerprint", "is_plug_in", "load"]
