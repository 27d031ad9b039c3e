"""Graph cLISI: how few labels a cell meets in its neighbourhood."""

from portal_lib.metrics._lisi import median_lisi

METRIC = {
    "label": "cLISI",
    "group": "bio",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-5, the digits that it passes through files",
    "fast": False,
    "needs": ["graph", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Korsunsky et al., Nature Methods 16, 1289 (2019)",
}


def score(space, truth):
    """Median graph LISI over labels, scaled and turned so that purity is best.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs a graph.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    cLISI in [0, 1]: 1 for one label around a cell, 0 for all in equal shares; higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, no graph, or no cell that reaches 90 others.

    Notes
    -----
    (L - median_i LISI_i) / (L - 1) for L labels; LISI as in :func:`~portal_lib.metrics._lisi.median_lisi`, with its
    departures from scib.
    """
    label = truth.labels_to_compare
    n_labels = int(label.max()) + 1
    return (n_labels - median_lisi(space, label)) / (n_labels - 1)
