"""Data sets of the benchmark, one file each, in a folder per task."""
