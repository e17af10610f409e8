"""SFT: traces that go wrong, notice and end right, and the leader that learned them."""

from pipelines.stage_asset import stage_asset

ASSETS = [
    stage_asset("sft_dataset", kinds={"parquet", "huggingface"}),
    stage_asset("sft_leader", kinds={"huggingface", "pytorch"}),
]
