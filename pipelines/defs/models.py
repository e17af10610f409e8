"""Models: the frozen agents and the leader before any training."""

from pipelines.stage_asset import stage_asset

ASSETS = [stage_asset("base_models", kinds={"huggingface", "pytorch"})]
