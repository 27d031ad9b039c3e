"""Quantile normalisation of shared features to the other domain, then the mean of the nearest cells there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Quantile map and kNN",
    "task": "align",
    "output": "translate",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": False,
    "uses_pairs": False,
    "params": {
        "n_neighbors": {
            "default": 20,
            "type": "integer",
            "minimum": 1,
            "description": "Cells of the other domain whose mean is the prediction.",
        }
    },
}

# Distances in memory at once, as float32.
BLOCK = 4_000_000


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Predict each feature from the shared features other than itself.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target.

    Raises
    ------
    NotApplicable
        Fewer than two features are shared.

    Notes
    -----
    A shared feature is mapped by ranks: quantiles of the source become those of the target; ties get their mean rank.
    Each shared feature is predicted from the other shared features, so that it may have lost its signal in one domain;
    all other features are predicted from all shared ones. Euclidean distance; each feature is divided by its standard
    deviation in the target.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result

    x1, x2, shared, k = task_input.x1, task_input.x2, task_input.shared, params["n_neighbors"]
    if len(shared) < 2:
        raise NotApplicable(f"shared features: {len(shared)}; each is predicted from the others, so two are needed")
    first, second = np.array(shared).T
    return Result(x12=_one_way(x1[:, first], x2, second, k), x21=_one_way(x2[:, second], x1, first, k))


def _one_way(measured, there, columns, k):
    """Cells with shared features `measured`, shape (n, s), in the domain `there`, which has these in `columns`."""
    import numpy as np

    k, sd = min(k, len(there)), there[:, columns].std(axis=0)
    sd[sd == 0] = 1
    mapped = [quantile_mapped(x, y) for x, y in zip(measured.T, there[:, columns].T, strict=True)]
    queries, real = np.column_stack(mapped).astype(np.float32) / sd, there[:, columns] / sd
    step = max(1, BLOCK // len(there))
    parts = [
        _predicted(queries[start : start + step], real, there, columns, k) for start in range(0, len(measured), step)
    ]
    return np.concatenate(parts)


def _predicted(queries, real, there, columns, k):
    """Means of the nearest cells, shape (len(queries), d), for one block of cells."""
    # ‖a - b‖² without a feature is the total minus the part of the feature, so that all features share one product.
    whole = (queries**2).sum(axis=1)[:, None] + (real**2).sum(axis=1) - 2 * queries @ real.T
    made = _mean_of_nearest(whole, there, k)
    for place, column in enumerate(columns):
        without = whole - (queries[:, place, None] - real[:, place]) ** 2
        made[:, column] = _mean_of_nearest(without, there[:, [column]], k)[:, 0]
    return made


def _mean_of_nearest(distances, x, k):
    """Means of the rows of `x` with the k smallest distances, including ties with the k-th, float32."""
    import numpy as np
    import scipy.sparse as sp

    nearest = sp.csr_array(distances <= np.partition(distances, k - 1, axis=1)[:, k - 1 : k], dtype=np.float64)
    return (nearest @ x.astype(np.float64) / nearest.sum(axis=1)[:, None]).astype(np.float32)


def quantile_mapped(x, y):
    """Map the values `x` to the distribution of `y`.

    Parameters
    ----------
    x, y
        Values of one feature, shapes (n,) and (m,).

    Returns
    -------
    Shape (n,), float64, within the range of `y`; monotonic in `x`, and ties stay ties.

    Notes
    -----
    The quantile of `y`, linear between its order statistics, at (rank - 1/2) / n, with mean ranks for ties.
    """
    import numpy as np
    from scipy.stats import rankdata

    return np.quantile(y.astype(np.float64), (rankdata(x) - 0.5) / len(x))
