"""Ends its process."""

METHOD = {"label": "Exits", "task": "integrate", "output": "embed", "stochastic": False}


def run(data, params, seed, device):
    import os

    os._exit(3)
