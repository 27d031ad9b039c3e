"""Returns its result transposed."""

METHOD = {"label": "Transposed", "task": "integrate", "output": "embed", "stochastic": False}


def run(data, params, seed, device):
    from portal_lib.methods._result import Result

    return Result(embedding=data.obsm["X_pca"].T)
