"""Ends its process."""

METHOD = {
    "label": "Exits",
    "task": "integrate",
    "output": "embed",
    "environment": "core",
    "device": "cpu",
    "threads": 1,
    "memory_gb": 1,
    "stochastic": False,
    "uses_labels": False,
    "control": False,
    "params": {},
    "citation": "none",
}


def run(data, params, seed, device):
    import os

    os._exit(3)
