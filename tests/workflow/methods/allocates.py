"""Takes more memory than it may, a little at a time."""

METHOD = {"label": "Allocates", "task": "integrate", "output": "embed", "stochastic": False}


def run(data, params, seed, device):
    import time

    held = []
    while True:
        held.append(b"x" * 2**26)
        time.sleep(0.02)
