"""Returns a value that is not finite."""

METHOD = {"label": "Not a number", "task": "integrate", "output": "embed", "stochastic": False}


def run(data, params, seed, device):
    from portal_lib.methods._result import Result

    embedding = data.obsm["X_pca"].copy()
    embedding[3, 1] = float("nan")
    return Result(embedding=embedding)
