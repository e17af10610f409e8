"""The report: accuracy with intervals, paired tests, cost, provenance."""
