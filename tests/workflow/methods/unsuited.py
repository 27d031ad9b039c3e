"""Fits no data."""

METHOD = {
    "label": "Unsuited",
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
    from portal_lib.errors import NotApplicable

    raise NotApplicable("needs three species")
