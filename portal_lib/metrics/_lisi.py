"""Graph LISI as scib defines it: the effective number of categories among the 90 cells nearest by path."""

from typing import NamedTuple

import numpy as np

from portal_lib.errors import NotApplicable

N_NEAREST = 90
PERPLEXITY = N_NEAREST // 3
ENTROPY_TOLERANCE = 1e-5
ENTROPY_STEPS = 50
ROWS_EACH = 2048


def ilisi(space, truth):
    """Median graph LISI over batches, scaled.

    Returns
    -------
    iLISI in [0, 1]: 0 for one batch around a cell, 1 for all in equal proportions; higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, no graph, or no cell that reaches 90 others.

    Notes
    -----
    (median_i LISI_i - 1) / (B - 1) for B batches; LISI as in :func:`median_lisi`, with its departures from scib.
    """
    batch = truth.batch
    return (median_lisi(space, batch) - 1) / int(batch.max())


def clisi(space, truth):
    """Median graph LISI over labels, scaled and inverted so that pure neighbourhoods are best.

    Returns
    -------
    cLISI in [0, 1]: 1 for one label around a cell, 0 for all in equal proportions; higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, no graph, or no cell that reaches 90 others.

    Notes
    -----
    (L - median_i LISI_i) / (L - 1) for L labels; LISI as in :func:`median_lisi`, with its departures from scib.
    """
    label = truth.labels_to_compare
    n_labels = int(label.max()) + 1
    return (n_labels - median_lisi(space, label)) / (n_labels - 1)


def median_lisi(space, codes):
    """Median over cells of the local inverse Simpson index of a category.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`.
    codes
        Category of each cell, integers from 0, shape (n_cells,).

    Returns
    -------
    The median, from 1 (one category around a cell) to the number of categories.

    Raises
    ------
    NotApplicable
        No cell reaches 90 others.

    Notes
    -----
    LISI_i = 1 / sum_c (sum_{j in c} P_ij)^2 with P_ij ~ exp(-beta_i d_ij), and beta_i such that the entropy of P_i is
    log(30). As in scib, d_ij is the length of the shortest path where an edge is as long as its connectivity, so that
    a strong edge counts as long; a cell that reaches fewer than 90 others has LISI 1, one whose P has no entropy -1,
    and a cell without an edge is left out.

    Departs from scib: where more cells than the remaining places are at exactly the path length of the last one, the
    sum over c has its expected value for a random choice of them, so that the order of the rows has no influence
    (scib's choice depends on the state of its heap); lengths keep all digits, where scib passes six through a file; and
    there is no value where no cell reaches 90 others (scib: LISI 1 everywhere).

    References
    ----------
    Luecken et al., Nature Methods 19, 41 (2022); Korsunsky et al., Nature Methods 16, 1289 (2019).
    """
    found = space.path_neighborhoods
    if not (found.nearest[:, -1] >= 0).any():
        raise NotApplicable(f"no cell reaches {N_NEAREST} others in the neighbour graph")
    has_edge = np.diff(space.connectivities.indptr) > 0
    return float(np.median(1 / simpson(found, space.connectivities, codes)[has_edge]))


class PathNeighborhoods(NamedTuple):
    """The nearest others of each cell by path.

    Attributes
    ----------
    nearest
        Their rows, nearest first, shape (n_cells, 90), all -1 where fewer can be reached. Of cells at the length of the
        last one the first rows are taken.
    weights
        Their weights in the Simpson index, of the same shape; each row sums to 1, or is 0 where its entropy is 0.
    n_places, n_tied
        How many of the 90 have the length of the last one, and how many cells have it, shape (n_cells,) both.
    """

    nearest: np.ndarray
    weights: np.ndarray
    n_places: np.ndarray
    n_tied: np.ndarray


def path_neighborhoods(connectivities):
    """The nearest cells by path, and their weights in the Simpson index.

    Parameters
    ----------
    connectivities
        Edge lengths, shape (n_cells, n_cells), CSR.

    Returns
    -------
    :class:`PathNeighborhoods`.
    """
    nearest, lengths, n_tied = nearest_by_path(connectivities, N_NEAREST)
    weights = np.zeros_like(lengths)
    reached = nearest[:, -1] >= 0
    weights[reached] = entropy_weights(lengths[reached], np.log(PERPLEXITY))
    return PathNeighborhoods(nearest, weights, (lengths == lengths[:, -1:]).sum(axis=1), n_tied)


def nearest_by_path(connectivities, n_nearest):
    """The nearest others of each cell by the length of the shortest path.

    Parameters
    ----------
    connectivities
        Edge lengths, positive, shape (n_cells, n_cells), CSR.
    n_nearest
        How many others.

    Returns
    -------
    Rows of the others, nearest first, and their path lengths, shape (n_cells, n_nearest) both, all -1 and infinity
    where fewer can be reached; and the number of cells at the length of the last one, shape (n_cells,), 0 there.

    Notes
    -----
    Dijkstra from each cell, which ends when enough others are found. Memory is one row of the graph per thread.
    """
    from portal_lib.metrics import _kernels

    n_cells = connectivities.shape[0]
    nearest = np.full((n_cells, n_nearest), -1, dtype=np.int32)
    lengths, n_tied = np.full((n_cells, n_nearest), np.inf), np.zeros(n_cells, dtype=np.int64)
    graph = _arrays_of(connectivities)

    def some_rows(start, stop):
        _kernels.nearest_by_path(*graph, start, stop, n_nearest, nearest, lengths, n_tied)

    _kernels.in_threads(some_rows, n_cells, ROWS_EACH)
    return nearest, lengths, n_tied


def _arrays_of(graph):
    """The arrays of a CSR matrix, as the kernels take them."""
    return graph.indptr, graph.indices, graph.data.astype(np.float64)


def entropy_weights(lengths, entropy):
    """Weights exp(-beta d), normalised, with beta found by bisection so that each row has the given entropy.

    Parameters
    ----------
    lengths
        Path lengths, shape (n_cells, n_nearest).
    entropy
        Entropy to reach, in nats.

    Returns
    -------
    Weights of the shape of `lengths`; a row is 0 where its entropy is exactly 0.
    """
    n_cells = len(lengths)
    beta, low, high = np.ones(n_cells), np.full(n_cells, -np.inf), np.full(n_cells, np.inf)
    reached, weights = _entropy(lengths, beta)
    for _ in range(ENTROPY_STEPS):
        rows = np.flatnonzero(np.abs(reached - entropy) > ENTROPY_TOLERANCE)
        if len(rows) == 0:
            break
        wide = reached[rows] > entropy
        low[rows[wide]] = beta[rows[wide]]
        high[rows[~wide]] = beta[rows[~wide]]
        beta[rows] = _next_beta(beta[rows], low[rows], high[rows])
        reached[rows], weights[rows] = _entropy(lengths[rows], beta[rows])
    weights[reached == 0] = 0
    return weights


def _next_beta(beta, low, high):
    """Twice or half of beta while one bound is infinite, else the middle of the bounds."""
    with np.errstate(invalid="ignore"):
        middle = (low + high) / 2
    return np.where(np.isinf(high), beta * 2, np.where(np.isinf(low), beta / 2, middle))


def _entropy(lengths, beta):
    """Entropy and weights of each row; both 0 where every weight underflows."""
    weights = np.exp(-lengths * beta[:, None])
    total = weights.sum(axis=1)
    some = np.where(total > 0, total, 1)
    entropy = np.log(some) + beta * (lengths * weights).sum(axis=1) / some
    return np.where(total > 0, entropy, 0), weights / some[:, None]


def simpson(found, connectivities, codes):
    """Simpson index of each cell for some categories.

    Parameters
    ----------
    found
        :class:`PathNeighborhoods` of the graph.
    connectivities
        The graph, shape (n_cells, n_cells), CSR.
    codes
        Category of each cell, integers from 0, shape (n_cells,).

    Returns
    -------
    Shape (n_cells,); 1 where too few others are reached, -1 where the weights have no entropy.

    Notes
    -----
    Where t cells compete for the last r places of weight w, t_c of category c, the other places of c having the weight
    a_c, the index is E sum_c (a_c + w H_c)^2 for the hypergeometric H_c = cells of c in r draws from the t.
    """
    nearest, weights, n_places, n_tied = found
    n_cells, n_codes = len(nearest), int(codes.max()) + 1
    tied = n_tied > n_places
    # The places that are drawn are the last ones.
    drawn = tied[:, None] & (np.arange(weights.shape[1]) >= weights.shape[1] - n_places[:, None])
    slots = np.arange(n_cells)[:, None] * n_codes + codes[nearest]
    shares = np.bincount(slots.ravel(), np.where(drawn, 0, weights).ravel(), minlength=n_cells * n_codes)
    shares = shares.reshape(n_cells, n_codes)
    index = (shares**2).sum(axis=1)
    rows = np.flatnonzero(tied)
    if len(rows):
        share = _count_tied(connectivities, rows, codes) / n_tied[rows, None]
        r, t, w = (part[rows, None] for part in (n_places, n_tied, weights[:, -1]))
        mean, variance = r * share, r * share * (1 - share) * (t - r) / (t - 1)
        index[rows] = ((shares[rows] + w * mean) ** 2 + w**2 * variance).sum(axis=1)
    index[~weights.any(axis=1)] = -1
    index[nearest[:, -1] < 0] = 1
    return index


def _count_tied(connectivities, rows, codes):
    """Cells of each category at the path length of the last of the nearest, shape (n_rows, n_codes)."""
    from portal_lib.metrics import _kernels

    counts, graph = np.zeros((len(rows), int(codes.max()) + 1), dtype=np.int64), _arrays_of(connectivities)

    def some_rows(start, stop):
        _kernels.count_tied_by_path(*graph, rows, start, stop, N_NEAREST, codes, counts)

    _kernels.in_threads(some_rows, len(rows), ROWS_EACH)
    return counts
