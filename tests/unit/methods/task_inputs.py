"""Small domains to align, and how far predictions are from the truth."""

import numpy as np

from portal_lib.benchmark import registry
from portal_lib.errors import NotApplicable
from portal_lib.methods._result import Result
from portal_lib.preparation.domains import TaskInput


def task_input_of(x1, x2, *, pairs=(), shared=(), **facts):
    """Arrays as a method gets them."""
    x1, x2 = (np.ascontiguousarray(x, dtype=np.float32) for x in (x1, x2))
    names = [tuple(f"{side}{i}" for i in range(x.shape[1])) for side, x in zip("ab", (x1, x2), strict=True)]
    pairs = tuple((int(i), int(j)) for i, j in pairs)
    return TaskInput(x1, x2, *names, tuple(shared), pairs, **facts)


def aligned(name, task_input, seed=0, **params) -> Result:
    """What a method of the registry returns for a task input, its parameters at their defaults unless given."""
    specs = registry.find("methods")[name]["params"]
    assert set(params) <= set(specs)
    complete = {key: spec["default"] for key, spec in specs.items()} | params
    return registry.load("methods", name).align(task_input, complete, seed, "cpu")


def reason(name, task_input, **params):
    """Why a method does not apply; fails if it does."""
    try:
        aligned(name, task_input, **params)
    except NotApplicable as error:
        return str(error)
    raise AssertionError(f"{name} applies")


def foscttm(found, real):
    """Share of cells that are nearer than the true one, ties half, mean of both directions; 0.5 by chance."""
    distances = ((found[:, None].astype(np.float64) - real[None]) ** 2).sum(axis=2)
    shares = []
    for d in (distances, distances.T):
        true = np.diag(d)[:, None]
        shares.append(((d < true).sum() + ((d == true).sum() - len(d)) / 2) / (len(d) * (len(d) - 1)))
    return float(np.mean(shares))


def correlations(a, b):
    """Pearson r, column by column."""
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])
