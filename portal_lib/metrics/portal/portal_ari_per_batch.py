"""ARI of Portal's paper for batches that are labelled in different ways: each batch by itself."""

import numpy as np

from portal_lib.errors import NotApplicable

METRIC = {
    "label": "ARI per batch (Portal)",
    "group": "auxiliary",
    "definition": "portal",
    "implementation": "ours; an approximation of Seurat's clustering",
    "fast": False,
    "needs": ["embedding", "label", "batch"],
    "range": [-0.5, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}


def score(space, truth):
    """Mean over batches of the adjusted Rand index of one joint clustering and a batch's own labels.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels and batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    Mean ARI, at most 1, 0 for chance; higher is better.

    Raises
    ------
    NotApplicable
        One batch, no labels, no embedding, or one label in each batch.

    Notes
    -----
    mean_b ARI(clusters, labels) among the cells of b; the clusters are of all cells, by one Louvain clustering of the
    graph of shared neighbours (20 neighbours, overlap of at least 1/15, resolution 0.8) in place of the best of ten. An
    approximation of Seurat's clustering, which the paper takes: :func:`~portal_lib.metrics._clusters.louvain` says how
    it differs. Batches with one label are left out. The paper gives the values of the batches singly, not their mean.
    """
    from sklearn.metrics import adjusted_rand_score

    label, batch, clusters = truth.label, truth.batch, space.louvain_clusters
    parts = (np.flatnonzero(batch == one) for one in range(int(batch.max()) + 1))
    values = [adjusted_rand_score(label[rows], clusters[rows]) for rows in parts if np.ptp(label[rows]) > 0]
    if not values:
        raise NotApplicable("each batch has one label")
    return float(np.mean(values))
