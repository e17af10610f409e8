"""Where a phase's work is done when one process is not enough: torchrun on this machine, or Ray on a cluster."""
