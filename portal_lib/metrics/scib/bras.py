"""BRAS: batch ASW with the mean distance to all other batches, which nested batches do not deceive."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._distances import inside_labels, widths

METRIC = {
    "label": "BRAS",
    "group": "auxiliary",
    "definition": "extra",
    "implementation": "ours; the formula of scib-metrics 0.5.10",
    "fast": True,
    "needs": ["embedding", "label", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Rautenstrauch & Ohler, Nat. Biotechnol. (2025), doi:10.1038/s41587-025-02743-4",
}


def score(space, truth):
    """Mean over labels of one minus the absolute batch-removal-adapted silhouette.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels and batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    BRAS in [0, 1]; higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, no embedding, or no label with cells of several batches.

    Notes
    -----
    mean_l mean_{i in l} (1 - abs(s(i))), s(i) = (b_i - a_i) / max(a_i, b_i) among the cells of label l: a_i the mean
    cosine distance to the others of its batch, b_i that to all cells of the other batches. The mean of cosine distances
    is one minus the product with the mean direction, so no pair of cells is looked at. A cell at the origin has
    distance 1 to all others. Not the same after moving the space.
    """
    embedding, batch, label = space.embedding, truth.batch, truth.label
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    directions = embedding / np.where(lengths > 0, lengths, 1)

    def width_of(rows, found, codes):
        return _width(directions[rows], codes)

    value = inside_labels(label, batch, width_of)
    if value is None:
        raise NotApplicable("no label has cells of several batches, and more cells than batches")
    return value


def _width(directions, codes):
    """Adapted silhouette width of each cell of one label."""
    sizes, rows = np.bincount(codes), np.arange(len(codes))
    products = directions @ np.stack([directions[codes == one].sum(axis=0) for one in range(len(sizes))]).T
    own = products[rows, codes] - (directions**2).sum(axis=1)
    others, n_own = products.sum(axis=1) - products[rows, codes], sizes[codes]
    within = 1 - own / np.maximum(n_own - 1, 1)
    between = 1 - others / (len(codes) - n_own)
    return widths(np.maximum(within, 0), np.maximum(between, 0), alone=n_own == 1)
