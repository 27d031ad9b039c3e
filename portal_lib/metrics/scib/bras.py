"""BRAS: batch ASW with the mean distance to all other batches, so that nested batches do not raise it."""

import numpy as np

from portal_lib.metrics._distances import batch_mixing, widths

METRIC = {
    "label": "BRAS",
    "shares": "_scib",
    "group": "auxiliary",
    "definition": "extra",
    "implementation": "ours; the formula of scib-metrics 0.5.10",
    "fast": True,
    "needs": ["embedding", "label", "batch"],
    "citation": "Rautenstrauch & Ohler, Nat. Biotechnol. (2025), doi:10.1038/s41587-025-02743-4",
}


def score(space, truth):
    """Mean over labels of one minus the absolute batch-removal-adapted silhouette.

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
    is one minus the product with the mean direction, so pairs of cells are never compared. A cell at the origin has
    distance 1 to all others. The value changes where the embedding is translated.
    """
    embedding, batch, label = space.embedding, truth.batch, truth.label
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    unit_vectors = embedding / np.where(lengths > 0, lengths, 1)
    return batch_mixing(label, batch, lambda rows, _, codes: _width(unit_vectors[rows], codes))


def _width(unit_vectors, codes):
    """Adapted silhouette width of each cell of one label."""
    sizes, rows = np.bincount(codes), np.arange(len(codes))
    products = unit_vectors @ np.stack([unit_vectors[codes == one].sum(axis=0) for one in range(len(sizes))]).T
    own = products[rows, codes] - (unit_vectors**2).sum(axis=1)
    others, n_own = products.sum(axis=1) - products[rows, codes], sizes[codes]
    within = 1 - own / np.maximum(n_own - 1, 1)
    between = 1 - others / (len(codes) - n_own)
    return widths(np.maximum(within, 0), np.maximum(between, 0), alone=n_own == 1)
