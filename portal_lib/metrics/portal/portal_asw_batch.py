"""Batch ASW as in Portal's paper: how little the batches lie apart among all cells."""

from portal_lib.metrics._distances import silhouettes

METRIC = {
    "label": "Batch ASW (Portal)",
    "group": "portal_batch",
    "definition": "portal",
    "implementation": "ours; scikit-learn's silhouette within 1e-6",
    "fast": True,
    "needs": ["embedding", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}


def score(space, truth):
    """One minus the mean silhouette width over batches, halved.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    In [0, 1]; 0.5 where the batches overlap, higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, or no embedding.

    Notes
    -----
    (1 - mean_i s(i)) / 2 with the silhouette s over batches among all cells, whatever their labels.
    """
    batch = truth.batch
    return (1 - float(silhouettes(space.distance_sums(truth).by_batch, batch).mean())) / 2
