"""Methods of the task align."""
