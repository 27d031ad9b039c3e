"""How much of the variance that scores of the cell cycle explain is kept by integration."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import rows_of_groups
from portal_lib.metrics._variance import covariate_basis, explained_share


def conservation(before, after, scores, batch):
    """How well integration conserves the share of variance that the cell cycle explains.

    Parameters
    ----------
    before, after
        Functions of the rows of a batch to its values before and after integration, and the number of principal
        components that count (None for all).
    scores
        Scores of S and of G2/M, shape (n_cells, 2).
    batch
        Batch codes, shape (n_cells,).

    Returns
    -------
    In [0, 1]; higher is better. Mean over batches of max(0, 1 - abs(after - before) / before) with the shares of
    :func:`~portal_lib.metrics._variance.explained_share`.

    Raises
    ------
    NotApplicable
        In no batch do the scores explain variance before integration.
    """
    kept = []
    for rows in rows_of_groups(batch):
        basis = covariate_basis(scores[rows])
        share_before, share_after = (
            explained_share(values, basis, n_pcs) for values, n_pcs in (before(rows), after(rows))
        )
        if share_before > 0:
            kept.append(max(0.0, 1 - abs(share_after - share_before) / share_before))
    if not kept:
        raise NotApplicable("the cell cycle explains no variance before integration")
    return float(np.mean(kept))
