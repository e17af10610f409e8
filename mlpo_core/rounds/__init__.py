"""T rounds of agents and leader, and how long they take."""
