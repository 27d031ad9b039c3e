"""ARI of the Portal paper for batches with different sets of labels: each batch separately."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import rows_of_groups
from portal_lib.metrics._clusters import adjusted_rand_index

METRIC = {
    "label": "ARI per batch (Portal)",
    "shares": "_portal",
    "group": "auxiliary",
    "implementation": "ours; an approximation of Seurat's clustering",
    "needs": ["embedding", "label", "batch"],
    "range": [-0.5, 1],
}


def score(space, truth):
    """Mean over batches of the adjusted Rand index of one joint clustering and a batch's own labels.

    Returns
    -------
    Mean ARI, at most 1, 0 for chance; higher is better.

    Raises
    ------
    NotApplicable
        One batch, no labels, no embedding, or one label in each batch.

    Notes
    -----
    mean_b ARI(clusters, labels) among the cells of b; the one clustering is of all cells, by
    :func:`~portal_lib.metrics._clusters.louvain`. Batches with one label are left out. The paper gives the value of
    each batch, not their mean.
    """
    label, batch, clusters = truth.label, truth.batch, space.louvain_clusters
    several = [rows for rows in rows_of_groups(batch) if np.ptp(label[rows]) > 0]
    if not several:
        raise NotApplicable("each batch has one label")
    return float(np.mean([adjusted_rand_index(label[rows], clusters[rows]) for rows in several]))
