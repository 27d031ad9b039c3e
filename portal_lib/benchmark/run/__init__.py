"""Supervised runs: the child process, its measurements, its log and its provenance."""
