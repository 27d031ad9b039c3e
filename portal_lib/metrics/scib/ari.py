"""ARI: agreement of the best Leiden clustering with the labels, counted over pairs of cells."""

from portal_lib.metrics._clusters import adjusted_rand_index

METRIC = {
    "label": "ARI",
    "shares": "_scib",
    "group": "bio",
    "implementation": "ours; scib's value with igraph's Leiden, two iterations; scib's default, leidenalg, differed by "
    "up to 0.04; from 8,192 cells on scanpy's neighbours are approximate and ours exact",
    "needs": ["graph", "clusters", "label"],
    "range": [-0.5, 1],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Hubert & Arabie, J. Classif. 2, 193 (1985)",
}


def score(space, truth):
    """Adjusted Rand index of clusters and labels.

    Returns
    -------
    ARI, at most 1, 0 for chance; higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, or no graph.

    Notes
    -----
    (index - expected) / (max - expected) over pairs of cells. As in scib, the clustering is the one chosen by NMI.
    """
    label = truth.labels_to_compare
    return adjusted_rand_index(label, space.clusters(label))
