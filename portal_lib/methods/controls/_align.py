"""Controls of the task align: their facts, and the mean cell of a domain."""

import numpy as np

# Facts of controls of the task; each overrides what differs.
SHARED = {"task": "align", "output": "translate", "stochastic": False, "control": True}


def mean_cells(x: np.ndarray, n: int) -> np.ndarray:
    """The mean of every feature of `x`, shape (n_cells, d), repeated for `n` cells: shape (n, d), float32."""
    return np.tile(x.mean(axis=0, dtype=np.float64).astype(np.float32), (n, 1))
