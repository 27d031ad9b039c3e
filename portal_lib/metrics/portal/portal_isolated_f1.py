"""Isolated label F1 of the Portal paper: by one Louvain clustering."""

from portal_lib.metrics._isolated import isolated_labels, mean_best_f1

METRIC = {
    "label": "Isolated label F1 (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; an approximation of Seurat's clustering",
    "needs": ["embedding", "label", "batch"],
}


def score(space, truth):
    """As isolated label F1, of the one clustering of :func:`~portal_lib.metrics._clusters.louvain`; in (0, 1].

    Higher is better. NotApplicable for one label, one batch, no embedding, and where every label is in every batch; in
    that case the paper's code takes all labels.
    """
    isolated = isolated_labels(truth)
    return mean_best_f1([space.louvain_clusters], truth.label, isolated)
