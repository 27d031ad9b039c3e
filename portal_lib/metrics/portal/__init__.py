"""Metrics of the Portal paper, by its definitions."""
