"""ARI of the Portal paper: agreement of one Louvain clustering with the labels, counted over pairs of cells."""

from portal_lib.metrics._clusters import adjusted_rand_index

METRIC = {
    "label": "ARI (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; an approximation of Seurat's clustering",
    "needs": ["embedding", "label"],
    "range": [-0.5, 1],
}


def score(space, truth):
    """As ARI, of the one clustering of :func:`~portal_lib.metrics._clusters.louvain`; 0 for chance, higher is better.

    NotApplicable for one label, every cell its own label, or no embedding.
    """
    label = truth.labels_to_compare
    return adjusted_rand_index(label, space.louvain_clusters)
