"""Shared features brought to the distribution of the other domain, then the mean of the nearest cells there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Quantile map and kNN",
    "task": "align",
    "output": "translate",
    "environment": "core",
    "device": "cpu",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": False,
    "uses_pairs": False,
    "uses_labels": False,
    "control": False,
    "params": {
        "n_neighbors": {
            "default": 20,
            "type": "integer",
            "minimum": 1,
            "description": "Cells of the other domain whose mean is the prediction.",
        },
    },
    "citation": "none",
}

# Distances that are held at once, as float32 four bytes each.
BLOCK = 4_000_000


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Predict each feature from the shared features, itself apart.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target.

    Raises
    ------
    NotApplicable
        Fewer than two features are shared.

    Notes
    -----
    A shared feature is mapped by ranks: its quantiles in the source become those of the target, equal values the middle
    of theirs. A feature that is shared, but has lost its signal in one domain, is so predicted by the others; other
    features by all that are shared. Euclidean distance; each feature is divided by its standard deviation in the
    target.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result

    if len(task_input.shared) < 2:
        raise NotApplicable(
            f"shared features: {len(task_input.shared)}; one is predicted by the others, so two are needed"
        )
    first, second = np.array(task_input.shared).T
    x12 = _one_way(task_input.x1[:, first], task_input.x2, second, params["n_neighbors"])
    return Result(x12=x12, x21=_one_way(task_input.x2[:, second], task_input.x1, first, params["n_neighbors"]))


def _one_way(known, there, columns, k):
    """Cells with the shared features `known`, shape (n, s), in the domain `there`, where these stand in `columns`."""
    import numpy as np

    k, sd = min(k, len(there)), there[:, columns].std(axis=0)
    sd[sd == 0] = 1
    mapped = [quantile_mapped(x, y) for x, y in zip(known.T, there[:, columns].T, strict=True)]
    queries, real = np.column_stack(mapped).astype(np.float32) / sd, there[:, columns] / sd
    step = max(1, BLOCK // len(there))
    parts = [_predicted(queries[start : start + step], real, there, columns, k) for start in range(0, len(known), step)]
    return np.concatenate(parts)


def _predicted(queries, real, there, columns, k):
    """Means of nearest cells, shape (len(queries), d), for one block of cells."""

    # ‖a - b‖² without one feature is the whole less its part, so that all features share one product.
    whole = (queries**2).sum(axis=1)[:, None] + (real**2).sum(axis=1) - 2 * queries @ real.T
    made = _mean_of_nearest(whole, there, k)
    for place, column in enumerate(columns):
        without = whole - (queries[:, place, None] - real[:, place]) ** 2
        made[:, column] = _mean_of_nearest(without, there[:, [column]], k)[:, 0]
    return made


def _mean_of_nearest(distances, x, k):
    """Means of the rows of `x` with the k least distances, all that are as far as the k-th included, float32."""
    import numpy as np
    import scipy.sparse as sp

    near = sp.csr_array(distances <= np.partition(distances, k - 1, axis=1)[:, k - 1 : k], dtype=np.float64)
    return (near @ x.astype(np.float64) / near.sum(axis=1)[:, None]).astype(np.float32)


def quantile_mapped(x, y):
    """Values `x` with the distribution of `y`.

    Parameters
    ----------
    x, y
        Values of one feature, shapes (n,) and (m,).

    Returns
    -------
    Shape (n,), float64, within the range of `y`; it rises where `x` rises, and equal values stay equal.

    Notes
    -----
    The quantile of `y`, linear between its order statistics, at (rank - 1/2) / n, with the mean rank of equal values.
    """
    import numpy as np
    from scipy.stats import rankdata

    return np.quantile(y.astype(np.float64), (rankdata(x) - 0.5) / len(x))
