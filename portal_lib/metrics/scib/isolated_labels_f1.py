"""Isolated label F1: whether a cluster matches a label that is in few batches."""

from portal_lib.metrics._isolated import isolated_labels, mean_best_f1

METRIC = {
    "label": "Isolated label F1",
    "shares": "_scib",
    "group": "bio",
    "implementation": "ours; scib's value with igraph's Leiden, two iterations; scib's default, leidenalg, differed by "
    "up to 0.04; from 8,192 cells on scanpy's neighbours are approximate and ours exact",
    "needs": ["graph", "clusters", "label", "batch"],
}


def score(space, truth):
    """Mean over isolated labels of the best F1 of any cluster.

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
    isolated = isolated_labels(truth)
    return mean_best_f1(space.clusterings, truth.label, isolated)
