"""Methods of the task integrate."""
