"""Leiden clusterings of the neighbour graph, and the choice among them."""

import random
from contextlib import contextmanager

import numpy as np

RESOLUTIONS = tuple(step / 5 for step in range(1, 11))
N_ITERATIONS = 2


def leiden(connectivities, resolutions=RESOLUTIONS, seed=0):
    """Cluster a graph at several resolutions.

    Parameters
    ----------
    connectivities
        Edge weights, shape (n_cells, n_cells), sparse.
    resolutions
        Resolutions of the modularity; higher gives more clusters.
    seed
        Every resolution starts from it.

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
    codes = np.empty((len(resolutions), connectivities.shape[0]), dtype=np.int64)
    for row, resolution in enumerate(resolutions):
        with _seeded(seed):
            found = graph.community_leiden(
                "modularity", weights=weights, resolution=resolution, n_iterations=N_ITERATIONS
            )
        codes[row] = found.membership
    return codes


def best_clustering(clusterings, label):
    """The clustering with the highest NMI with the labels; the first of equals, as in scib."""
    return clusterings[np.argmax([normalized_mutual_information(codes, label) for codes in clusterings])]


def normalized_mutual_information(one, other):
    """Mutual information over the arithmetic mean of the two entropies, of two vectors of codes."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(one, other, average_method="arithmetic"))


class _IgraphRandom:
    """The random numbers that scanpy hands to igraph: a numpy RandomState behind the names of ``random``."""

    def __init__(self, seed):
        self._state = np.random.RandomState(seed)
        self.random = self._state.random
        self.gauss = self._state.normal

    def getrandbits(self, n_bits):
        """An integer of so many bits."""
        return self._state.tomaxint() & ((1 << n_bits) - 1)

    def randint(self, low, high):
        """An integer between both, inclusive."""
        return self._state.randint(low, high + 1)


@contextmanager
def _seeded(seed):
    """Let igraph draw from a seeded generator, then give it back Python's own."""
    import igraph

    igraph.set_random_number_generator(_IgraphRandom(seed))
    try:
        yield
    finally:
        igraph.set_random_number_generator(random)
