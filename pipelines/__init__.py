"""The chain in Dagster: thin. Every phase runs in a process of its own (`launch.py`); imports no model library."""
