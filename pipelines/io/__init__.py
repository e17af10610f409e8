"""How assets hand versions to each other."""
