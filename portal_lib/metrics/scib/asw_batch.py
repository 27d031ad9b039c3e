"""Batch ASW: how well the batches are mixed within each label, by the silhouette width over batches."""

from portal_lib.metrics._distances import batch_mixing, silhouettes

METRIC = {
    "label": "Batch ASW",
    "shares": "_scib",
    "group": "batch",
    "fast": True,
    "needs": ["embedding", "label", "batch"],
}


def score(space, truth):
    """Mean over labels of one minus the absolute silhouette width over batches.

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
    batch, label = truth.batch, truth.label
    inside = space.distance_sums(truth).inside
    return batch_mixing(label, batch, lambda rows, found, codes: silhouettes(inside[rows][:, found], codes))
