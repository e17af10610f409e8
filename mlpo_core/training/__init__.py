"""Training of the leader: supervised fine-tuning, MLPO, and its baseline without a team."""
