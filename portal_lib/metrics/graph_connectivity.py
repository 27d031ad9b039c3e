"""Graph connectivity: whether the cells of a label hang together in the neighbour graph."""

import numpy as np
from scipy.sparse.csgraph import connected_components

METRIC = {
    "label": "Graph connectivity",
    "group": "batch",
    "needs": ["graph", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022)",
}


def score(space, truth):
    """Mean over labels of the share of cells in the label's largest connected component.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs a graph.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    Connectivity in (0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        No labels, or no graph.

    Notes
    -----
    mean_l abs(LCC(graph of l)) / abs(l), unweighted over labels, strong components. One label is enough.
    """
    graph, label = space.connectivities, truth.label
    return float(np.mean([_largest_share(graph, np.flatnonzero(label == one)) for one in range(label.max() + 1)]))


def _largest_share(graph, cells):
    """Share of some cells in the largest component of the graph among them."""
    _, components = connected_components(graph[cells][:, cells], connection="strong")
    return np.bincount(components).max() / len(cells)
