"""Isolated label F1 as in Portal's paper: by one Louvain clustering."""

import numpy as np

from portal_lib.metrics._isolated import best_f1, isolated_labels

METRIC = {
    "label": "Isolated label F1 (Portal)",
    "group": "portal_bio",
    "definition": "portal",
    "implementation": "ours; an approximation of Seurat's clustering",
    "fast": False,
    "needs": ["embedding", "label", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}


def score(space, truth):
    """Mean over isolated labels of the best F1 of any cluster.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels and batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    F1 in (0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        One label, one batch, no isolated label, or no embedding.

    Notes
    -----
    As isolated label F1, with one Louvain clustering of the graph of shared neighbours (20 neighbours, overlap of at
    least 1/15, resolution 0.8) in place of the best of ten. An approximation of Seurat's clustering, which the paper
    takes: :func:`~portal_lib.metrics._clusters.louvain` says how it differs. Where every label is in every batch the
    paper's code takes all labels; here the metric does not apply.
    """
    label, isolated = truth.label, isolated_labels(truth)
    return float(np.mean([best_f1([space.louvain_clusters], label, one) for one in isolated]))
