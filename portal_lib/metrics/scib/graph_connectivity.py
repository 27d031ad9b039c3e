"""Graph connectivity: whether the cells of a label hang together in the neighbour graph."""

from portal_lib.metrics._graph import largest_component_shares

METRIC = {
    "label": "Graph connectivity",
    "group": "batch",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": True,
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
    return float(largest_component_shares(space.connectivities, truth.label).mean())
