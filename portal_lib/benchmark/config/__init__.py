"""The configuration of the benchmark: its schema, reading and checking it, its documentation."""
