"""PCR: how much of the variance that the batch explains is gone."""

import numpy as np

from portal_lib.errors import NotApplicable

METRIC = {
    "label": "PCR",
    "group": "batch",
    "needs": ["embedding", "before", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Buettner et al., Nature Methods 16, 43 (2019)",
}

N_PCS = 50


def score(space, truth):
    """Share by which integration lowers the variance that batches explain.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding and the one before integration.
    truth
        Batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    PCR comparison in [0, 1]: 0 where the batches explain as much as before or more; higher is better.

    Raises
    ------
    NotApplicable
        One batch, no embedding before or after, or batches that explain nothing before integration.

    Notes
    -----
    max(0, (R2_before - R2_after) / R2_before), with R2 = sum_p v_p R2(PC_p ~ batch) over the 50 first principal
    components of the embedding, v_p their shares of variance and the batch one-hot. Since R2(PC_p ~ batch) is the
    share of PC_p's variance that lies between batch means, R2 is the variance between batch means over the whole
    variance in the space of these components, whatever its axes: no decomposition is needed up to 50 dimensions.
    """
    embedding, batch = space.embedding, truth.batch
    before = _explained(space.before, batch)
    if before == 0:
        raise NotApplicable("the batches explain no variance before integration")
    return max(0.0, (before - _explained(embedding, batch)) / before)


def _explained(embedding, batch):
    """Share of the variance of the first 50 principal components that lies between batch means; 0 without variance."""
    centred = _leading(embedding - embedding.mean(axis=0))
    whole = (centred**2).sum()
    means = np.stack([centred[batch == one].mean(axis=0) for one in range(batch.max() + 1)])
    between = (np.bincount(batch)[:, None] * means**2).sum()
    return float(between / whole) if whole > 0 else 0.0


def _leading(centred):
    """Scores of the first 50 principal components where there are more dimensions; the matrix itself otherwise."""
    if min(centred.shape) <= N_PCS:
        return centred
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, -N_PCS:]
