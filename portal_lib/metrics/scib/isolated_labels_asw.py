"""Isolated label ASW: how compact and well separated the cells of labels in few batches are."""

import numpy as np

from portal_lib.metrics._distances import silhouettes
from portal_lib.metrics._isolated import isolated_labels

METRIC = {
    "label": "Isolated label ASW",
    "shares": "_scib",
    "group": "bio",
    "fast": True,
    "needs": ["embedding", "label", "batch"],
}


def score(space, truth):
    """Mean over isolated labels of the silhouette width of their cells, scaled.

    Returns
    -------
    ASW in [0, 1]; 0.5 where the labels overlap others, higher is better.

    Raises
    ------
    NotApplicable
        One label, one batch, no isolated label, every cell its own label, or no embedding.

    Notes
    -----
    mean_l mean_{i in l} (s(i) + 1) / 2 over the labels l that are in the fewest batches; s is the silhouette over all
    labels, as in cell-type ASW.
    """
    isolated, label = isolated_labels(truth), truth.label
    width = silhouettes(space.distance_sums(truth).by_label, label)
    return float(np.mean([(width[label == one].mean() + 1) / 2 for one in isolated]))
