"""Clusterings: Leiden of the neighbour graph at several resolutions, Louvain of shared neighbours at one; agreement."""

import random
from contextlib import contextmanager

import numpy as np
from scipy import sparse

RESOLUTIONS = tuple(step / 5 for step in range(1, 11))
N_ITERATIONS = 2
SHARED_NEIGHBORS, SMALLEST_OVERLAP = 20, 1 / 15
LOUVAIN_RESOLUTION, LOUVAIN_STARTS = 0.8, 10


def leiden(connectivities, seed=0):
    """Cluster a graph at the resolutions 0.2, 0.4 ... 2.0; a higher one gives more clusters.

    Parameters
    ----------
    connectivities
        Edge weights, shape (n_cells, n_cells), sparse.
    seed
        Random seed; every resolution starts from it.

    Returns
    -------
    Cluster codes, shape (n_resolutions, n_cells).

    Notes
    -----
    Equal to ``scanpy.tl.leiden(flavor="igraph", n_iterations=2, directed=False, random_state=seed)``, cell by cell.
    """
    import igraph

    graph = igraph.Graph(n=connectivities.shape[0], edges=np.column_stack(connectivities.nonzero()), directed=False)
    weights = connectivities.data[connectivities.data != 0]
    codes = np.empty((len(RESOLUTIONS), connectivities.shape[0]), dtype=np.int64)
    for row, resolution in enumerate(RESOLUTIONS):
        with _seeded(seed):
            found = graph.community_leiden(
                "modularity", weights=weights, resolution=resolution, n_iterations=N_ITERATIONS
            )
        codes[row] = found.membership
    return codes


def louvain(graph, seed=0):
    """Cluster a graph of shared neighbours once, as Seurat does by default.

    Parameters
    ----------
    graph
        Overlaps from :func:`shared_neighbors`.
    seed
        Seed of the order in which cells are visited.

    Returns
    -------
    Cluster codes, shape (n_cells,).

    Notes
    -----
    The one of ten starts with the highest modularity, at resolution 0.8, on the graph of shared neighbours (20
    neighbours, overlap of at least 1/15). An approximation of Seurat's ``FindClusters``, which the Portal paper uses:
    the same objective and starts, but igraph's Louvain in place of its own, and clusters of one cell are kept.

    References
    ----------
    Blondel et al., J. Stat. Mech. P10008 (2008); Stuart et al., Cell 177, 1888 (2019).
    """
    import igraph

    upper = sparse.triu(graph, k=1).tocoo()
    edges = igraph.Graph(n=graph.shape[0], edges=np.column_stack([upper.row, upper.col]), directed=False)
    with _seeded(seed):
        starts = [edges.community_multilevel(upper.data, resolution=LOUVAIN_RESOLUTION) for _ in range(LOUVAIN_STARTS)]
    reached = [
        edges.modularity(found.membership, weights=upper.data, resolution=LOUVAIN_RESOLUTION) for found in starts
    ]
    return np.array(starts[int(np.argmax(reached))].membership, dtype=np.int64)


def shared_neighbors(indices):
    """Overlap of the neighbours of each pair of cells.

    Parameters
    ----------
    indices
        Neighbours of each cell, the cell itself among them, shape (n_cells, n_neighbors).

    Returns
    -------
    Cells that are neighbours of both over cells that are neighbours of either (Jaccard), shape (n_cells, n_cells), CSR;
    overlaps below 1/15 are dropped, as in Seurat.
    """
    n_cells, n_neighbors = indices.shape
    starts = np.arange(0, indices.size + 1, n_neighbors)
    near = sparse.csr_matrix((np.ones(indices.size, np.float32), indices.ravel(), starts), shape=(n_cells, n_cells))
    overlap = sparse.csr_matrix(near @ near.T, dtype=np.float64)
    overlap.data /= 2 * n_neighbors - overlap.data
    overlap.data[overlap.data < SMALLEST_OVERLAP] = 0
    overlap.eliminate_zeros()
    return overlap


def best_clustering(clusterings, label):
    """The clustering with the highest NMI with the labels; the first of equals, as in scib."""
    return clusterings[np.argmax([normalized_mutual_information(codes, label) for codes in clusterings])]


def adjusted_rand_index(one, other):
    """Adjusted Rand index of two vectors of codes; at most 1, 0 for chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(one, other))


def normalized_mutual_information(one, other):
    """Mutual information over the arithmetic mean of the two entropies, of two vectors of codes."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(one, other, average_method="arithmetic"))


class _IgraphRandom:
    """The random numbers that scanpy gives igraph: a numpy RandomState with the interface of ``random``."""

    def __init__(self, seed):
        self._state = np.random.RandomState(seed)
        self.random = self._state.random
        self.gauss = self._state.normal

    def getrandbits(self, n_bits):
        """A random integer of `n_bits` bits."""
        return self._state.tomaxint() & ((1 << n_bits) - 1)

    def randint(self, low, high):
        """A random integer between `low` and `high`, inclusive."""
        return self._state.randint(low, high + 1)


@contextmanager
def _seeded(seed):
    """Let igraph draw from a seeded generator, then from Python's own again."""
    import igraph

    igraph.set_random_number_generator(_IgraphRandom(seed))
    try:
        yield
    finally:
        igraph.set_random_number_generator(random)
