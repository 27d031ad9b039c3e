"""Cell-type ASW: how compact the labels lie."""

from portal_lib.metrics._distances import silhouettes

METRIC = {
    "label": "Cell type ASW",
    "group": "bio",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": True,
    "needs": ["embedding", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Rousseeuw, J. Comput. Appl. Math. 20, 53 (1987)",
}


def score(space, truth):
    """Mean silhouette width over labels, scaled.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    ASW in [0, 1]; 0.5 where labels overlap, higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, or no embedding.

    Notes
    -----
    (mean_i s(i) + 1) / 2 with s(i) = (b_i - a_i) / max(a_i, b_i): a_i the mean Euclidean distance to the label's own
    cells, b_i the smallest mean distance to another label's. A label with one cell has s = 0.
    """
    label = truth.labels_to_compare
    return (float(silhouettes(space.distance_sums(truth).by_label, label).mean()) + 1) / 2
