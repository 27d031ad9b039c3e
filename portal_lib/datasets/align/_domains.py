"""Parts that data sets with two domains share: random halves, named tables, and channels of cytometry files."""

import numpy as np
import pandas as pd

from portal_lib.errors import DataError
from portal_lib.preparation.reading.fcs import read_fcs, take


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
    Rows of the first and of the second half, each in random order; the first is larger by one if the number is odd.
    """
    order = rng.permutation(n_cells)
    middle = (n_cells + 1) // 2
    return order[:middle], order[middle:]


def as_table(values, features, prefix):
    """Cells × features as a table; cells are named by `prefix` and row number, which does not identify them.

    Parameters
    ----------
    values
        Shape (n_cells, n_features).
    features
        Names of the columns.
    prefix
        Prefix of the cell names.

    Returns
    -------
    DataFrame, float64, rows in the order of `values`.
    """
    width = len(str(max(len(values) - 1, 0)))
    index = [f"{prefix}{row:0{width}d}" for row in range(len(values))]
    return pd.DataFrame(np.asarray(values, dtype=np.float64), index=index, columns=list(features))


def read_channels(path, channels, n_cells):
    """Read channels of a cytometry file of known size.

    Parameters
    ----------
    path
        The FCS file.
    channels
        Markers or short channel names.
    n_cells
        Expected number of cells.

    Returns
    -------
    float64 array, shape (n_cells, len(channels)).

    Raises
    ------
    DataError
        The file cannot be read, lacks a channel, or has another number of cells.
    """
    values = take(read_fcs(path), channels, path)
    if len(values) != n_cells:
        raise DataError(f"{path}: the file read is not the one expected: {n_cells} cells expected, found {len(values)}")
    return values
