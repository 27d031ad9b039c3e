"""Never comes back."""

METHOD = {"label": "Hangs", "task": "integrate", "output": "embed", "stochastic": False}


def run(data, params, seed, device):
    import time

    time.sleep(3600)
