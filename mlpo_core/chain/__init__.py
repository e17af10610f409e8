"""The chain: its stages, how one is found or made, what it costs, and how a row is traced through it."""
