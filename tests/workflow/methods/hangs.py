"""Never comes back."""

METHOD = {
    "label": "Hangs",
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
    import time

    time.sleep(3600)
