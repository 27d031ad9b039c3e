"""One file per objective; what one must define stands in :mod:`portal_lib.training.objectives._contract`."""
