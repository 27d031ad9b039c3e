"""What metrics and figures read: the scored cells, nested samples, the figures of a run and their inputs."""
