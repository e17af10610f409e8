"""What will pay for a team: a vote, a weighted vote, rounds or a trained leader, told from dev tasks alone."""
