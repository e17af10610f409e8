"""Tags of runs that mean something here."""

FRESH = "mlpo/fresh"
"""A label under which everything in the run is made again, with the same seeds."""
APPROVED = "mlpo/approved"
"""The names of experiments that ask before they make anything, which this run may make all the same."""
MAKES = "mlpo/makes"
"""Set when a run is queued: the assets that it will make. The limit on runs counts those that have it."""
