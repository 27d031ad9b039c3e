"""Graph LISI as scib defines it: how many categories a cell meets among the 90 cells nearest by path."""

import numpy as np
from scipy.sparse.csgraph import dijkstra

from portal_lib.errors import NotApplicable

N_NEAREST = 90
PERPLEXITY = N_NEAREST // 3
ENTROPY_TOLERANCE = 1e-5
ENTROPY_STEPS = 50
CHUNK_BYTES = 16 * 2**20
N_PROBES = 64
LIMIT_GROWTH = 1.3
LIMITED_ROUNDS = 8


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

    Departs from scib: of cells at exactly the same length the first rows are taken, where scib's choice follows the
    state of its heap; lengths keep all digits, where scib passes six through a file; and no value is made up where no
    cell reaches 90 others (scib: LISI 1 everywhere).

    References
    ----------
    Luecken et al., Nature Methods 19, 41 (2022); Korsunsky et al., Nature Methods 16, 1289 (2019).
    """
    nearest, weights = space.path_neighborhoods
    if not (nearest[:, -1] >= 0).any():
        raise NotApplicable(f"no cell reaches {N_NEAREST} others in the neighbour graph")
    has_edge = np.diff(space.connectivities.indptr) > 0
    return float(np.median(1 / _simpson(nearest, weights, codes)[has_edge]))


def path_neighborhoods(connectivities):
    """The cells nearest by path, and their weights in the Simpson index.

    Parameters
    ----------
    connectivities
        Edge lengths, shape (n_cells, n_cells), CSR.

    Returns
    -------
    Rows of the 90 nearest others of each cell, shape (n_cells, 90), -1 throughout where fewer can be reached, and
    their weights of the same shape, each row of sum 1, or 0 where the entropy is.
    """
    nearest, lengths = nearest_by_path(connectivities, N_NEAREST)
    weights = np.zeros_like(lengths)
    reached = nearest[:, -1] >= 0
    weights[reached] = entropy_weights(lengths[reached], np.log(PERPLEXITY))
    return nearest, weights


def nearest_by_path(connectivities, n_nearest):
    """The nearest others of each cell by the length of the shortest path.

    Parameters
    ----------
    connectivities
        Edge lengths, shape (n_cells, n_cells), CSR.
    n_nearest
        How many others.

    Returns
    -------
    Rows of the others, nearest first, and their path lengths, shape (n_cells, n_nearest) both; -1 and infinity
    throughout where fewer can be reached.

    Notes
    -----
    Dijkstra, cut off at a length that grows until each cell has met enough others. Memory is bounded by chunks.
    """
    n_cells = connectivities.shape[0]
    graph = connectivities.astype(np.float64)
    nearest = np.full((n_cells, n_nearest), -1, dtype=np.int32)
    lengths = np.full((n_cells, n_nearest), np.inf)
    limit = _first_limit(graph, n_nearest)
    left = np.arange(n_cells)
    for attempt in range(LIMITED_ROUNDS + 1):
        cut = limit * LIMIT_GROWTH**attempt if attempt < LIMITED_ROUNDS else np.inf
        left = _search(graph, left, cut, nearest, lengths)
    return nearest, lengths


def entropy_weights(lengths, entropy):
    """Weights exp(-beta d), normalised, with beta by bisection so that each row has the entropy asked for.

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
    """Double or halve while one end is open, else the middle."""
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


def _simpson(nearest, weights, codes):
    """Simpson index of each cell; 1 where too few others are reached, -1 where the weights have no entropy."""
    n_cells, n_codes = len(nearest), int(codes.max()) + 1
    slots = np.arange(n_cells)[:, None] * n_codes + codes[nearest]
    shares = np.bincount(slots.ravel(), weights.ravel(), minlength=n_cells * n_codes).reshape(n_cells, n_codes)
    simpson = (shares**2).sum(axis=1)
    simpson[~weights.any(axis=1)] = -1
    simpson[nearest[:, -1] < 0] = 1
    return simpson


def _first_limit(graph, n_nearest):
    """A length within which about half of the cells meet enough others, from some evenly spread ones."""
    n_cells = graph.shape[0]
    probes = np.unique(np.linspace(0, n_cells - 1, N_PROBES).astype(int))
    needed = np.sort(dijkstra(graph, indices=probes), axis=1)[:, min(n_nearest, n_cells - 1)]
    needed = needed[np.isfinite(needed)]
    return np.median(needed) if len(needed) else np.inf


def _search(graph, sources, limit, nearest, lengths):
    """Fill the rows of those sources that meet enough others within the limit; return the other sources."""
    size = max(1, CHUNK_BYTES // (8 * graph.shape[0]))
    left = [sources[:0]]
    for chunk in np.split(sources, range(size, len(sources), size)):
        found = dijkstra(graph, indices=chunk, limit=limit)
        found[np.arange(len(chunk)), chunk] = np.inf
        enough = np.isfinite(found).sum(axis=1) >= nearest.shape[1]
        nearest[chunk[enough]], lengths[chunk[enough]] = _smallest(found[enough], nearest.shape[1])
        left.append(chunk[~enough])
    return np.concatenate(left)


def _smallest(lengths, n_smallest):
    """Columns and values of the smallest finite entries of each row in order, equal ones by column."""
    rows, columns = np.nonzero(np.isfinite(lengths))
    values = lengths[rows, columns]
    order = np.lexsort((values, rows))
    starts = np.searchsorted(rows, np.arange(len(lengths)))
    picks = order[starts[:, None] + np.arange(n_smallest)]
    return columns[picks], values[picks]
