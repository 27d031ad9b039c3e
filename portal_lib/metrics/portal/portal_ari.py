"""ARI as in Portal's paper: how well pairs of cells agree between one Louvain clustering and the labels."""

METRIC = {
    "label": "ARI (Portal)",
    "group": "portal_bio",
    "definition": "portal",
    "implementation": "ours; an approximation of Seurat's clustering",
    "fast": False,
    "needs": ["embedding", "label"],
    "range": [-0.5, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}


def score(space, truth):
    """Adjusted Rand index of one clustering and labels.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    ARI, at most 1, 0 for chance; higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, or no embedding.

    Notes
    -----
    As ARI, with one Louvain clustering of the graph of shared neighbours (20 neighbours, overlap of at least 1/15,
    resolution 0.8) in place of the best of ten. An approximation of Seurat's clustering, which the paper takes:
    :func:`~portal_lib.metrics._clusters.louvain` says how it differs.
    """
    from sklearn.metrics import adjusted_rand_score

    label = truth.labels_to_compare
    return float(adjusted_rand_score(label, space.louvain_clusters))
