"""Tags of runs that mean something here."""

FRESH = "mlpo/fresh"
"""A label under which everything in the run is made again, with the same seeds."""
