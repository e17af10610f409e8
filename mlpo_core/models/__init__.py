"""The frozen agents and the untrained leader: where they come from, and the miniature ones, trained here."""
