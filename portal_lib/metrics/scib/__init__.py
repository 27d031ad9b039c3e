"""Metrics of the scIB benchmark, by scib's definitions."""
