"""Metrics of the benchmark, one file each, in a folder per set of metrics."""
