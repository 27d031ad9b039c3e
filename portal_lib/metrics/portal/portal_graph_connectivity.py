"""Graph connectivity under Portal's scores, where it is scib's."""

from portal_lib.metrics._graph import largest_component_shares

METRIC = {
    "label": "Graph connectivity (Portal)",
    "group": "portal_batch",
    "definition": "portal",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": True,
    "needs": ["graph", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Luecken et al., Nature Methods 19, 41 (2022)",
}


def score(space, truth):
    """The value of graph connectivity.

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
    The paper takes graph connectivity of scib; computed once for both.
    """
    return float(largest_component_shares(space.connectivities, truth.label).mean())
