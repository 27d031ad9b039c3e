"""Array operations shared by several metrics."""

import numpy as np


def rows_of_groups(codes):
    """Rows of each group, ascending: one array for each code from 0 to the largest."""
    return [np.flatnonzero(codes == one) for one in range(int(codes.max()) + 1)]


def sample_rows(n_rows, n_most, seed=0):
    """All rows, or, where there are more than `n_most`, a seeded sample of `n_most` without replacement."""
    if n_rows <= n_most:
        return np.arange(n_rows)
    return np.random.default_rng(seed).choice(n_rows, n_most, replace=False)


def smallest_columns(values, n_smallest):
    """Columns of the smallest values of each row, ascending by value, shape (n_rows, n_smallest)."""
    found = np.argpartition(values, min(n_smallest, values.shape[1]) - 1, axis=1)[:, :n_smallest]
    order = np.argsort(np.take_along_axis(values, found, axis=1), axis=1)
    return np.take_along_axis(found, order, axis=1)
