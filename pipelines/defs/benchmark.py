"""Benchmark: the team and every leader on the test tasks, and the report on them."""

from pipelines.stage_asset import stage_asset

ASSETS = [
    stage_asset("benchmark_proposals", kinds={"parquet", "huggingface"}),
    stage_asset("team_rounds", kinds={"parquet", "huggingface"}),
    stage_asset("dev_rounds", kinds={"parquet", "huggingface"}),
    stage_asset("benchmark_predictions", kinds={"parquet", "python"}),
    stage_asset("benchmark_report", kinds={"parquet", "report"}),
]
