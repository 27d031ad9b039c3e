"""Isolated label F1: whether a cluster is a label that few batches have."""

import numpy as np

from portal_lib.metrics._isolated import best_f1, isolated_labels

METRIC = {
    "label": "Isolated label F1",
    "group": "bio",
    "definition": "scib",
    "implementation": "ours; scib's value with igraph's Leiden, two iterations; scib's default, leidenalg, differed by "
    "up to 0.04",
    "fast": False,
    "needs": ["graph", "clusters", "label", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022)",
}


def score(space, truth):
    """Mean over isolated labels of the best F1 of any cluster.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs a graph.
    truth
        Labels and batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    F1 in (0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        One label, one batch, no isolated label, or no graph.

    Notes
    -----
    mean_l max_{r, c} 2 abs(c and l) / (abs(c) + abs(l)) over the labels l in the fewest batches and the clusters c of
    all Leiden resolutions r. Departs from scib: clusters as for NMI, found once for all labels; scib's default is
    leidenalg, and ten clusterings per label.
    """
    label, isolated = truth.label, isolated_labels(truth)
    return float(np.mean([best_f1(space.clusterings, label, one) for one in isolated]))
