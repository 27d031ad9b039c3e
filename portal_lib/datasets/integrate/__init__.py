"""Data sets of the task integrate."""
