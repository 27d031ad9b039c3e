"""The benchmark: plug-ins, configuration, tasks, supervised runs and tables."""
