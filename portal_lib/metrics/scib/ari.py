"""ARI: how well pairs of cells agree between the best Leiden clustering and the labels."""

METRIC = {
    "label": "ARI",
    "group": "bio",
    "definition": "scib",
    "implementation": "ours; scib's value with igraph's Leiden, two iterations; scib's default, leidenalg, differed by "
    "up to 0.04",
    "fast": False,
    "needs": ["graph", "clusters", "label"],
    "range": [-0.5, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Hubert & Arabie, J. Classif. 2, 193 (1985)",
}


def score(space, truth):
    """Adjusted Rand index of clusters and labels.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs a graph.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    ARI, at most 1, 0 for chance; higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, or no graph.

    Notes
    -----
    (index - expected) / (max - expected) over pairs of cells. The clusters are those of NMI, chosen by NMI, as in scib.
    """
    from sklearn.metrics import adjusted_rand_score

    label = truth.labels_to_compare
    return float(adjusted_rand_score(label, space.clusters(label)))
