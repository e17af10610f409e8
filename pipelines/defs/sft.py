"""SFT: traces that go wrong, notice and end right, and the leader that learned them."""

from pipelines.stage_asset import ACCELERATOR, stage_asset

ASSETS = [
    stage_asset("sft_dataset", kinds={"parquet", "huggingface"}, pool=ACCELERATOR),
    stage_asset("sft_leader", kinds={"huggingface", "pytorch"}, pool=ACCELERATOR),
]
