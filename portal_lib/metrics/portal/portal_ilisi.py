"""iLISI under Portal's scores, where it is scib's."""

from portal_lib.metrics._lisi import median_lisi

METRIC = {
    "label": "iLISI (Portal)",
    "group": "portal_batch",
    "definition": "portal",
    "implementation": "ours; equal to scib 1.1.7 within 1e-5",
    "fast": False,
    "needs": ["graph", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Luecken et al., Nature Methods 19, 41 (2022)",
}


def score(space, truth):
    """The value of iLISI.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs a graph.
    truth
        Batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    iLISI in [0, 1]; higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, no graph, or no cell that reaches 90 others.

    Notes
    -----
    The paper takes iLISI of scib; computed once for both.
    """
    batch = truth.batch
    return (median_lisi(space, batch) - 1) / int(batch.max())
