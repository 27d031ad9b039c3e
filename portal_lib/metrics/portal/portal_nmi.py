"""NMI as in Portal's paper: how much one Louvain clustering and the labels tell about each other."""

from portal_lib.metrics._clusters import normalized_mutual_information

METRIC = {
    "label": "NMI (Portal)",
    "group": "portal_bio",
    "definition": "portal",
    "implementation": "ours; an approximation of Seurat's clustering",
    "fast": False,
    "needs": ["embedding", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}


def score(space, truth):
    """Normalised mutual information of one clustering and labels.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    NMI in [0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, or no embedding.

    Notes
    -----
    2 I(clusters; labels) / (H(clusters) + H(labels)), with one Louvain clustering of the graph of shared neighbours (20
    neighbours, overlap of at least 1/15, resolution 0.8) in place of the best of ten. An approximation of Seurat's
    clustering, which the paper takes: :func:`~portal_lib.metrics._clusters.louvain` says how it differs.
    """
    label = truth.labels_to_compare
    return normalized_mutual_information(space.louvain_clusters, label)
