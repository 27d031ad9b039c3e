"""Isolated label ASW of the Portal paper: each isolated label against the rest, among all cells."""

import numpy as np

from portal_lib.metrics._distances import silhouettes
from portal_lib.metrics._isolated import isolated_labels

METRIC = {
    "label": "Isolated label ASW (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; scikit-learn's silhouette within 1e-6",
    "fast": True,
    "needs": ["embedding", "label", "batch"],
}


def score(space, truth):
    """Mean over isolated labels of the silhouette width of the label against all other cells, scaled.

    Returns
    -------
    In [0, 1]; 0.5 where the labels overlap others, higher is better.

    Raises
    ------
    NotApplicable
        One label, one batch, no isolated label, or no embedding.

    Notes
    -----
    mean_l (mean_i s_l(i) + 1) / 2 over the labels l in the fewest batches and all cells i, s_l the silhouette of the
    two groups "l" and "not l". Where every label is in every batch the paper's code takes all labels; here the metric
    does not apply.
    """
    isolated, label = isolated_labels(truth), truth.label
    by_label = space.distance_sums(truth).by_label
    total = by_label.sum(axis=1)
    pairs = (np.column_stack([total - by_label[:, one], by_label[:, one]]) for one in isolated)
    widths = [silhouettes(sums, (label == one).astype(int)).mean() for one, sums in zip(isolated, pairs, strict=True)]
    return float(np.mean([(width + 1) / 2 for width in widths]))
