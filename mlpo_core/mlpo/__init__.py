"""Leader prompts with the team's answers: what the leader is trained on."""
