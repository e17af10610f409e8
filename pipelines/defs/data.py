"""Data: the tasks that everything else answers, learns from or is measured on."""

from pipelines.stage_asset import stage_asset

ASSETS = [stage_asset("tasks", kinds={"parquet", "dataset"})]
