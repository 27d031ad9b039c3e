"""Isolated label ASW: how compact the labels lie that few batches have."""

import numpy as np

from portal_lib.metrics._distances import silhouettes
from portal_lib.metrics._isolated import isolated_labels

METRIC = {
    "label": "Isolated label ASW",
    "group": "bio",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": True,
    "needs": ["embedding", "label", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022)",
}


def score(space, truth):
    """Mean over isolated labels of the silhouette width of their cells, scaled.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels and batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

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
    labels, as in cell type ASW.
    """
    isolated, label = isolated_labels(truth), truth.label
    width = silhouettes(space.distance_sums(truth).by_label, label)
    return float(np.mean([(width[label == one].mean() + 1) / 2 for one in isolated]))
