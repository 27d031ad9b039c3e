"""cLISI under Portal's scores, where it is scib's."""

from portal_lib.metrics._lisi import median_lisi

METRIC = {
    "label": "cLISI (Portal)",
    "group": "portal_bio",
    "definition": "portal",
    "implementation": "ours; equal to scib 1.1.7 within 1e-5",
    "fast": False,
    "needs": ["graph", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Luecken et al., Nature Methods 19, 41 (2022)",
}


def score(space, truth):
    """The value of cLISI.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs a graph.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    cLISI in [0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, no graph, or no cell that reaches 90 others.

    Notes
    -----
    The paper takes cLISI of scib; computed once for both.
    """
    label = truth.labels_to_compare
    n_labels = int(label.max()) + 1
    return (n_labels - median_lisi(space, label)) / (n_labels - 1)
