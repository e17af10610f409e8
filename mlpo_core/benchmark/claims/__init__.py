"""The claims table: what an experiment claims over the points of its sweep, tested in pairs on the same tasks."""

from mlpo_core.benchmark.claims.write import write_claims

__all__ = ["write_claims"]
