"""Batch ASW: how little the batches lie apart inside each label."""

import numpy as np

from portal_lib.errors import NotApplicable

METRIC = {
    "label": "Batch ASW",
    "group": "batch",
    "needs": ["embedding", "label", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022)",
}


def score(space, truth):
    """Mean over labels of one minus the absolute silhouette width over batches.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels and batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    Batch ASW in [0, 1]; higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, no embedding, or no label with cells of several batches.

    Notes
    -----
    mean_l mean_{i in l} (1 - abs(s(i))), the silhouette s over batches among the cells of label l, unweighted over
    labels. As in scib, labels with one batch, or where every cell is its own batch, are left out.
    """
    embedding, batch, label = space.embedding, truth.batch, truth.label
    widths = [_width(embedding[label == one], batch[label == one]) for one in range(label.max() + 1)]
    widths = [width for width in widths if width is not None]
    if not widths:
        raise NotApplicable("no label has cells of several batches, and more cells than batches")
    return float(np.mean(widths))


def _width(embedding, batch):
    """1 - abs(silhouette), averaged over the cells of one label; None where it is not defined."""
    from sklearn.metrics import silhouette_samples

    n_batches = len(np.unique(batch))
    if n_batches in (1, len(batch)):
        return None
    return np.mean(1 - np.abs(silhouette_samples(embedding, batch)))
