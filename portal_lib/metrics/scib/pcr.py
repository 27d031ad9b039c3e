"""PCR: how much of the variance that the batch explains is gone."""

from portal_lib.errors import NotApplicable
from portal_lib.metrics._variance import explained_share, indicator_basis

METRIC = {
    "label": "PCR",
    "group": "batch",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": True,
    "needs": ["embedding", "before", "batch"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Buettner et al., Nature Methods 16, 43 (2019)",
}


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
    components of the embedding, v_p their shares of variance and the batch one-hot; computed as
    :func:`~portal_lib.metrics._variance.explained_share` says.
    """
    embedding, basis = space.embedding, indicator_basis(truth.batch)
    before = explained_share(space.before, basis)
    if before == 0:
        raise NotApplicable("the batches explain no variance before integration")
    return max(0.0, (before - explained_share(embedding, basis)) / before)
