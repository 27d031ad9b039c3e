"""ciLISI: how well the batches are mixed among the cells of each label."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import rows_of_groups
from portal_lib.metrics._neighbors import nearest_neighbors, others_of

METRIC = {
    "label": "ciLISI",
    "shares": "_scib",
    "group": "auxiliary",
    "definition": "extra",
    "implementation": "ours; CiLISI of the R package scIntegrationMetrics 1.2.0 as Open Problems calls it (mean over "
    "cells), with equal weights of the 30 neighbours, to which that program comes close (within 1e-3)",
    "fast": True,
    "needs": ["embedding", "label", "batch"],
    "citation": "Andreatta et al., Nature Communications 15, 872 (2024), doi:10.1038/s41467-024-45240-z",
}

N_NEAREST = 30
FEWEST_CELLS = 10


def score(space, truth):
    """Mean over cells of the scaled LISI over batches among the cells of the same label.

    Returns
    -------
    ciLISI in [0, 1]: 0 for one batch around every cell, 1 for equal proportions of the batches of its label; higher is
    better mixed.

    Raises
    ------
    NotApplicable
        One batch, no labels, no embedding, or no label with ten cells of several batches.

    Notes
    -----
    mean_i (LISI_i - 1) / (B_l - 1) over the cells of all labels l that are used, B_l the batches of the label of i, and
    LISI_i = 1 / sum_b (share of batch b)² among the 30 nearest other cells of that label by Euclidean distance, or all
    others where there are fewer. A large label therefore counts more than a small one. Labels of fewer than ten cells,
    or of a single batch, are left out.

    Departs from scIntegrationMetrics: that program looks for weights exp(-beta d) of perplexity 30 among 30 neighbours,
    whose only solution is equal weights (beta 0), and stops near it; here the weights are equal. A cell that has copies
    of itself is never its own neighbour. Exact up to 100,000 cells of a label.

    References
    ----------
    Andreatta et al. (2024), "Semi-supervised integration of single-cell transcriptomics data"; Korsunsky et al., Nature
    Methods 16, 1289 (2019).
    """
    embedding, batch = space.embedding, truth.batch
    found = []
    for rows in rows_of_groups(truth.label):
        present, codes = np.unique(batch[rows], return_inverse=True)
        if len(rows) >= FEWEST_CELLS and len(present) > 1:
            found.append((_lisi(embedding[rows], codes) - 1) / (len(present) - 1))
    if not found:
        raise NotApplicable("no label has ten cells and several batches")
    return float(np.concatenate(found).mean())


def _lisi(points, codes):
    """LISI of each cell over codes from 0, by equal weights of its nearest others, shape (n_cells,)."""
    others = others_of(nearest_neighbors(points, N_NEAREST + 1).indices)
    shares = np.stack([(codes[others] == code).mean(axis=1) for code in range(int(codes.max()) + 1)])
    return 1 / (shares**2).sum(axis=0)
