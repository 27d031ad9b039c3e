"""Batch ASW of the Portal paper: how well the batches are mixed among all cells, whatever their labels."""

from portal_lib.metrics._distances import silhouettes

METRIC = {
    "label": "Batch ASW (Portal)",
    "shares": "_portal",
    "group": "portal_batch",
    "implementation": "ours; scikit-learn's silhouette within 1e-6",
    "fast": True,
    "needs": ["embedding", "batch"],
}


def score(space, truth):
    """One minus the mean silhouette width over batches, halved.

    Returns
    -------
    In [0, 1]; 0.5 where the batches overlap, higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, or no embedding.

    Notes
    -----
    (1 - mean_i s(i)) / 2 with the silhouette s over batches among all cells.
    """
    batch = truth.batch
    return (1 - float(silhouettes(space.distance_sums(truth).by_batch, batch).mean())) / 2
