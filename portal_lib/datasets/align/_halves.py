"""What data sets of two domains share: cells split at random, and tables with names."""

import numpy as np
import pandas as pd


def halves(n_cells, rng):
    """Split cells at random into two halves.

    Parameters
    ----------
    n_cells
        Number of cells.
    rng
        ``numpy.random.Generator``.

    Returns
    -------
    Rows of the first and of the second half, each in random order; the first has one cell more where the number is odd.
    """
    order = rng.permutation(n_cells)
    middle = (n_cells + 1) // 2
    return order[:middle], order[middle:]


def as_table(values, features, prefix):
    """Cells × features as a table; cells are named by `prefix` and their row, which tells nothing of who they are.

    Parameters
    ----------
    values
        Shape (n_cells, n_features).
    features
        Names of the columns.
    prefix
        Of the names of the cells.

    Returns
    -------
    DataFrame, float64, rows in the order of `values`.
    """
    width = len(str(max(len(values) - 1, 0)))
    index = [f"{prefix}{row:0{width}d}" for row in range(len(values))]
    return pd.DataFrame(np.asarray(values, dtype=np.float64), index=index, columns=list(features))
