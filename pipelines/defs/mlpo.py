"""MLPO: prompts that show the team's answers, the leader trained on them, and its baselines."""

from pipelines.stage_asset import stage_asset

ASSETS = [
    stage_asset("mlpo_dataset", kinds={"parquet", "python"}),
    stage_asset("mlpo_leader", kinds={"huggingface", "pytorch"}),
    stage_asset("grpo_leader", kinds={"huggingface", "pytorch"}),
    stage_asset("deferral_leader", kinds={"huggingface", "pytorch"}),
    stage_asset("score_leader", kinds={"huggingface", "pytorch"}),
]
