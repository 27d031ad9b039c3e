"""The test of kBET: whether the batches around a cell have their expected proportions."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import smallest_columns

SIGNIFICANCE = 0.05
FIRST_POWERS, MOST_POWERS = 3, 25
ROWS_EACH = 256
# Bounds of the bisection that are near, and values that are equal.
NARROW, SMALL = 5, 0.01


def p_values(neighbors, batch, shares):
    """Pearson's chi-square test of the batches around each cell.

    Parameters
    ----------
    neighbors
        Rows of the neighbours, without the cell itself, shape (n_cells, n_neighbors); -1 for none.
    batch
        Codes from 0, shape (n_cells,).
    shares
        Expected proportion of each batch, shape (n_batches,).

    Returns
    -------
    p-values with n_batches - 1 degrees of freedom, shape (n_cells,).

    Notes
    -----
    As in R's kBET, expected counts are those of a full neighbourhood, also where neighbours are missing.
    """
    n_cells, n_batches = len(neighbors), len(shares)
    codes = np.column_stack([np.where(neighbors >= 0, batch[neighbors], n_batches), batch])
    slots = np.arange(n_cells)[:, None] * (n_batches + 1) + codes
    seen = np.bincount(slots.ravel(), minlength=n_cells * (n_batches + 1)).reshape(n_cells, -1)[:, :n_batches]
    return _p_of_counts(seen, shares, codes.shape[1])


def _p_of_counts(seen, shares, n_around):
    """p-values from the count of each batch around each cell, shape (n_cells, n_batches)."""
    expected = shares * n_around
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(seen == expected, 0, (seen - expected) ** 2 / expected)
    return chi2.sf(terms.sum(axis=1), len(shares) - 1)


def diffusion_neighbors(graph, n_neighbors):
    """The cells with the largest entries of T + T² + T³ + ..., T the graph with rows of sum 1.

    Parameters
    ----------
    graph
        Connectivities, shape (n_cells, n_cells), CSR, every row with an edge.
    n_neighbors
        How many for each cell.

    Returns
    -------
    Rows of the neighbours, unordered, shape (n_cells, n_neighbors); None where 25 powers do not give every cell one
    more than that.

    Notes
    -----
    Powers are added, at least three, until every row has more than `n_neighbors` + 1 entries, including the diagonal.
    Departs from scib: one row at a time, so that memory does not grow with the square of the cells; in float64.
    """
    from portal_lib.metrics import _kernels

    n_cells = graph.shape[0]
    if n_cells < n_neighbors + 2:
        return None
    row_sums = np.asarray(graph.sum(axis=1, dtype=np.float64)).ravel()
    weights = graph.data / np.repeat(row_sums, np.diff(graph.indptr))
    largest, n_entries = np.empty((n_cells, n_neighbors), np.int32), np.empty(n_cells, np.int64)
    for n_powers in range(FIRST_POWERS, MOST_POWERS + 1):
        shared = graph.indptr, graph.indices.astype(np.uint32), weights, n_powers

        def some_rows(start, stop, shared=shared):
            _kernels.largest_of_powers(*shared, start, stop, largest, n_entries)

        _kernels.in_threads(some_rows, n_cells, ROWS_EACH)
        if n_entries.min() >= n_neighbors + 2:
            return largest
    return None


def diffused(graph, n_neighbors):
    """A graph with more edges: powers of it added up until every cell has enough of them.

    Parameters
    ----------
    graph
        Connectivities, shape (n_cells, n_cells), CSR.
    n_neighbors
        Entries that every row must have, including its own; cells of components with fewer cells are exempt.

    Returns
    -------
    T + T² + ..., without its diagonal, CSR float64, T the graph over its largest row sum.

    Raises
    ------
    NotApplicable
        25 powers do not give every cell enough of them.
    """
    _, component = connected_components(graph, connection="strong")
    counted = np.bincount(component)[component] >= n_neighbors
    step = graph.astype(np.float64) / graph.sum(axis=1).max()
    power = total = step
    for _ in range(MOST_POWERS):
        if not counted.any() or np.diff(total.indptr)[counted].min() >= n_neighbors:
            total.setdiag(0)
            total.eliminate_zeros()
            return total
        power = sparse.csr_matrix(power @ step)
        total = sparse.csr_matrix(total + power)
    raise NotApplicable(f"the graph gives no {n_neighbors} neighbours within {MOST_POWERS} steps")


def rejection_rate(graph, batch):
    """Share of the cells of one label around which the batches differ from the label's proportions.

    Parameters
    ----------
    graph
        Connectivities among the cells of the label, shape (n_cells, n_cells), CSR.
    batch
        Codes from 0, each with a cell, shape (n_cells,).

    Returns
    -------
    In [0, 1], lower is better mixed; 1 also where the graph gives too few neighbours.
    """
    sizes = np.bincount(batch)
    n_neighbors = min(70, max(10, int(sizes.mean() / 4)))
    n_components, component = connected_components(graph, connection="strong")
    large = np.bincount(component)[component] >= (3 * n_neighbors if n_components > 1 else 0)
    if large.mean() < 0.75:
        return 1.0
    rows = np.flatnonzero(large)
    found = diffusion_neighbors(graph[rows][:, rows].tocsr(), n_neighbors - 1)
    if found is None:
        return 1.0
    neighbors = np.full((len(batch), n_neighbors - 1), -1)
    neighbors[rows] = rows[found]
    return float(np.mean(p_values(neighbors, batch, sizes / len(batch)) < SIGNIFICANCE))


def acceptance_rate(points, batch):
    """Share of cells around which the batches have the proportions of all cells, by the defaults of R's kBET.

    Parameters
    ----------
    points
        Coordinates, shape (n_cells, n_dims). Cells are rows.
    batch
        Codes from 0, each with a cell, shape (n_cells,).

    Returns
    -------
    Share of the cells with p > 0.05, higher is better mixed; None where 3/4 of the mean batch are fewer than ten
    cells, which R refuses.

    Notes
    -----
    The size of the neighbourhood is the one between 10 and 3/4 of the mean batch with the most rejections
    (:func:`largest_by_bisection`). Expected proportions are those of the cells that are in a neighbourhood of the first
    size, if the other cells are a biased sample of the batches.
    """
    n_cells, sizes = len(batch), np.bincount(batch)
    most = int(sizes.mean() * 0.75)
    if n_cells <= 10 or most < 10:
        return None
    neighbors, shares = _nearest_others(points, most), sizes / n_cells
    of_batch = np.eye(len(sizes), dtype=np.int16)[batch]
    # Cells of each batch among the first 0, 1 ... neighbours.
    counts = np.cumsum(np.insert(of_batch[neighbors], 0, 0, axis=1), axis=1, dtype=np.int16)

    def p_of(size, expected):
        return _p_of_counts(counts[:, size - 1] + of_batch, expected, size)

    size = largest_by_bisection(lambda size: float(np.mean(p_of(size, shares) < SIGNIFICANCE)), 10, most)
    return float(np.mean(p_of(size, _adapted(shares, batch, neighbors[:, : most - 1])) > SIGNIFICANCE))


def largest_by_bisection(function, low, high):
    """Integer between two bounds at which a function is largest, by the bisection of R's kBET; the last upper bound.

    Notes
    -----
    A bound whose value is smaller by 0.01 moves to the middle, until the bounds are less than 5 apart or their values
    equal; where the first two are equal the middle decides. After its first step the original mistakes the value of
    the bound that it has just moved for that of the other bound; this is kept, to reach the same result.
    """
    bounds, values = [low, high], [function(low), function(high)]
    middle, far = round((low + high) / 2), high - low > NARROW
    if values[1] - values[0] < -SMALL and far:
        bounds, known = [low, middle], [values[0], None]
    elif values[1] - values[0] > SMALL and far:
        bounds, known = [middle, high], [None, values[1]]
    elif abs(values[1] - values[0]) >= SMALL:
        return high
    else:
        away = [abs(value - function(middle)) for value in values]
        if max(away) < SMALL or high - low < NARROW or max(away) == SMALL:
            return high
        bounds, known = ([low, middle], [values[0], None]) if away[0] > SMALL else ([middle, high], [None, values[1]])
    return _bisect_further(function, bounds, known, high)


def _bisect_further(function, bounds, known, otherwise):
    """The later steps of the bisection, with one value known; `otherwise` where they end without a result."""
    while True:
        # As in the original, a known value of 0 counts as unknown.
        fresh = [function(bound) for bound, value in zip(bounds, known, strict=True) if not value]
        rest = iter(fresh)
        rise = -np.subtract(*[value or next(rest) for value in known])
        width, middle = bounds[1] - bounds[0], round(sum(bounds) / 2)
        if rise < -SMALL and width > NARROW:
            bounds, known = [bounds[0], middle], [fresh[0], None]
        elif rise > SMALL and width > NARROW:
            bounds, known = [middle, bounds[1]], [None, fresh[0]]
        else:
            return bounds[1] if abs(rise) < SMALL or width < NARROW else otherwise


def _nearest_others(points, n_nearest):
    """The nearest other cells of each, nearest first, shape (n_cells, n_nearest); all distances in memory."""
    from scipy.spatial.distance import cdist

    distances = cdist(points, points, "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    return smallest_columns(distances, n_nearest)


def _adapted(shares, batch, neighbors):
    """Proportions of the batches without the cells that are in no neighbourhood, if these are a biased sample."""
    outside = np.ones(len(batch), bool)
    outside[neighbors] = False
    seen, expected = np.bincount(batch[outside], minlength=len(shares)), shares * outside.sum()
    if not outside.any() or chi2.sf(((seen - expected) ** 2 / expected).sum(), len(shares) - 1) >= SIGNIFICANCE:
        return shares
    return np.bincount(batch[~outside], minlength=len(shares)) / (~outside).sum()
