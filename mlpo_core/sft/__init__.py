"""Traces of backtracking from the leader's own samples."""
