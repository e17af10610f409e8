"""Proposals: the team's answers to the training tasks, and the tasks that it does not already solve."""

from pipelines.stage_asset import stage_asset

ASSETS = [
    stage_asset("agent_proposals", kinds={"parquet", "huggingface"}),
    stage_asset("hard_tasks", kinds={"parquet", "python"}),
]
