"""Methods of the benchmark, one file each: those of each task, and controls."""
