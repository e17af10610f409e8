"""Benchmark: the team and every leader on the test tasks, and the report on them."""

from datetime import timedelta

import dagster as dg

from pipelines.stage_asset import ACCELERATOR, stage_asset

# The nightly schedule confirms every report that is in use; a missed night warns, two fail.
_CONFIRMED_NIGHTLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))

ASSETS = [
    stage_asset("benchmark_proposals", kinds={"parquet", "huggingface"}, pool=ACCELERATOR),
    stage_asset("team_rounds", kinds={"parquet", "huggingface"}, pool=ACCELERATOR),
    stage_asset("benchmark_predictions", kinds={"parquet"}),
    stage_asset("benchmark_report", kinds={"parquet", "html"}, freshness=_CONFIRMED_NIGHTLY),
]
