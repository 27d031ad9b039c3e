"""NMI of the Portal paper: mutual information of one Louvain clustering and the labels."""

from portal_lib.metrics._clusters import normalized_mutual_information

METRIC = {
    "label": "NMI (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; an approximation of Seurat's clustering",
    "needs": ["embedding", "label"],
}


def score(space, truth):
    """As NMI, of the one clustering of :func:`~portal_lib.metrics._clusters.louvain`; in [0, 1], higher is better.

    NotApplicable for one label, every cell its own label, or no embedding.
    """
    label = truth.labels_to_compare
    return normalized_mutual_information(space.louvain_clusters, label)
