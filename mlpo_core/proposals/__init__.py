"""The agents' answers, and which tasks they show to be hard."""
