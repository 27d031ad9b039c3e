"""Batch ASW: how little the batches lie apart inside each label."""

from portal_lib.errors import NotApplicable
from portal_lib.metrics._distances import inside_labels, silhouettes

METRIC = {
    "label": "Batch ASW",
    "group": "batch",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": True,
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
    batch, label = truth.batch, truth.label
    inside = space.distance_sums(truth).inside

    def width_of(rows, found, codes):
        return silhouettes(inside[rows][:, found], codes)

    value = inside_labels(label, batch, width_of)
    if value is None:
        raise NotApplicable("no label has cells of several batches, and more cells than batches")
    return value
