"""Fits no data."""

METHOD = {"label": "Unsuited", "task": "integrate", "output": "embed", "stochastic": False}


def run(data, params, seed, device):
    from portal_lib.errors import NotApplicable

    raise NotApplicable("needs three species")
