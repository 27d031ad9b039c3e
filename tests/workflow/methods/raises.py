"""Raises an exception."""

METHOD = {"label": "Raises", "task": "integrate", "output": "embed", "stochastic": False}


def run(data, params, seed, device):
    raise ValueError("this method always raises")
