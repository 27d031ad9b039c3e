"""Takes more memory than it may, a little at a time."""

METHOD = {
    "label": "Allocates",
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

    held = []
    while True:
        held.append(b"x" * 2**26)
        time.sleep(0.02)
