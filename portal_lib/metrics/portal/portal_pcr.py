"""PCR as in Portal's paper: how much of the variance that the batch explains is gone, or has come."""

from portal_lib.errors import NotApplicable
from portal_lib.metrics._scaled import scaled
from portal_lib.metrics._variance import N_PCS, explained_share, indicator_basis

METRIC = {
    "label": "PCR (Portal)",
    "group": "portal_batch",
    "definition": "portal",
    "implementation": "ours; scib's regression within 1e-6",
    "fast": False,
    "needs": ["embedding", "expression", "batch"],
    "range": [None, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}


def score(space, truth):
    """Share by which integration lowers the variance that batches explain.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding and the expression before.
    truth
        Batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    At most 1; below 0 where the batches explain more than before; higher is better.

    Raises
    ------
    NotApplicable
        One batch, no embedding, no expression, or batches that explain nothing before integration.

    Notes
    -----
    (R2_before - R2_after) / R2_before, not cut off at 0: before integration of 50 principal components of the
    expression that is scaled over all cells and clipped at 10, after it of all dimensions. Departs from the paper: the
    variable genes that the data sets share in place of all genes that they share.
    """
    embedding, basis = space.embedding, indicator_basis(truth.batch)
    before = explained_share(scaled(space.expression.values), basis, N_PCS)
    if before == 0:
        raise NotApplicable("the batches explain no variance before integration")
    return (before - explained_share(embedding, basis, None)) / before
