"""PCR of the Portal paper: how much of the variance that the batch explains is removed, negative where it grows."""

from portal_lib.metrics._scaled import scaled
from portal_lib.metrics._variance import variance_removed

METRIC = {
    "label": "PCR (Portal)",
    "shares": "_portal",
    "group": "portal_batch",
    "implementation": "ours; scib's regression within 1e-6",
    "needs": ["embedding", "expression", "batch"],
    "range": [None, 1],
}


def score(space, truth):
    """Share by which integration lowers the variance that batches explain.

    Returns
    -------
    At most 1; below 0 where the batches explain more than before; higher is better.

    Raises
    ------
    NotApplicable
        One batch, no embedding, no expression, or batches that explain nothing before integration.

    Notes
    -----
    (R2_before - R2_after) / R2_before, not clipped at 0: before integration of 50 principal components of the
    expression that is scaled over all cells and clipped at 10, after it of all dimensions. Departs from the paper: the
    highly variable genes in place of all genes that the data sets share.
    """
    return variance_removed(space, truth, lambda: scaled(space.expression.values), None)
