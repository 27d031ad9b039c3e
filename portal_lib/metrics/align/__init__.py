"""Metrics of the task align."""
