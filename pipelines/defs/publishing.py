"""Publishing: the trained leader as others load it."""

from pipelines.stage_asset import stage_asset

ASSETS = [stage_asset("published_leader", kinds={"huggingface", "parquet"})]
