"""Data sets of the task align."""
