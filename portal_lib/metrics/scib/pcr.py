"""PCR: how much of the variance that the batch explains is removed."""

from portal_lib.metrics._variance import N_PCS, variance_removed

METRIC = {
    "label": "PCR",
    "shares": "_scib",
    "group": "batch",
    "fast": True,
    "needs": ["embedding", "before", "batch"],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Buettner et al., Nature Methods 16, 43 (2019)",
}


def score(space, truth):
    """Share by which integration lowers the variance that batches explain.

    Returns
    -------
    PCR comparison in [0, 1]: 0 where the batches explain as much as before or more; higher is better.

    Raises
    ------
    NotApplicable
        One batch, no embedding before or after, or batches that explain nothing before integration.

    Notes
    -----
    max(0, (R2_before - R2_after) / R2_before), with R2 = sum_p v_p R2(PC_p ~ batch) over the first 50 principal
    components of the embedding, v_p their shares of variance and the batch one-hot; computed by
    :func:`~portal_lib.metrics._variance.explained_share`.
    """
    return max(0.0, variance_removed(space, truth, lambda: space.before, N_PCS))
