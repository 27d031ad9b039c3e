"""Labels that are in few batches only, and how well clusters match them."""

import numpy as np

from portal_lib.errors import NotApplicable


def isolated_labels(truth):
    """Codes of the labels that are in the fewest batches.

    Parameters
    ----------
    truth
        Labels and batches, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    Label codes, ascending.

    Raises
    ------
    NotApplicable
        Every label is in every batch, one label, or one batch.
    """
    label, batch = truth.labels_to_compare, truth.batch
    n_batches = (contingency(label, batch) > 0).sum(axis=1)
    if n_batches.min() == batch.max() + 1:
        raise NotApplicable("no isolated label: every label is in every batch")
    return np.flatnonzero(n_batches == n_batches.min())


def mean_best_f1(clusterings, label, isolated):
    """Mean over isolated labels of the best F1 of any cluster of any clustering; in (0, 1], higher is better.

    Parameters
    ----------
    clusterings
        Cluster codes, shape (n_clusterings, n_cells).
    label
        Label codes, shape (n_cells,).
    isolated
        Codes of the labels to find.
    """
    return float(np.mean([max(float(_f1(codes, label == one).max()) for codes in clusterings) for one in isolated]))


def contingency(one, other):
    """Cells of each pair of codes, shape (codes of one, codes of the other)."""
    width = int(other.max()) + 1
    return np.bincount(one * width + other, minlength=(int(one.max()) + 1) * width).reshape(-1, width)


def _f1(codes, chosen):
    """F1 of each cluster: 2 |both| / (|cluster| + |chosen|)."""
    return 2 * np.bincount(codes, chosen) / (np.bincount(codes) + chosen.sum())
