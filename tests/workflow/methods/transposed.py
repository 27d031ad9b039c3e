"""Returns its result transposed."""

METHOD = {
    "label": "Transposed",
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
    from portal_lib.methods._result import Result

    return Result(embedding=data.obsm["X_pca"].T)
