"""Raises an exception."""

METHOD = {
    "label": "Raises",
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
    raise ValueError("this method always raises")
