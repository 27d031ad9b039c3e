"""HVG conservation: whether the same genes vary in a batch before and after integration."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._variable_genes import expressed, variable_genes

METRIC = {
    "label": "HVG conservation",
    "group": "bio",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": True,
    "needs": ["expression", "corrected"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022)",
}

N_GENES = 500


def score(space, truth):
    """Mean over batches of the overlap of highly variable genes before and after.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs expression before and after integration.
    truth
        Batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    Overlap in [0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        No corrected expression, none before, no genes that are in both, or fewer than two expressed genes in each
        batch.

    Notes
    -----
    Per batch the 500 genes of highest dispersion (``cell_ranger``; at most half of the genes that the batch expresses),
    of the genes that the corrected expression has, before and after: genes of both lists over the shorter one.
    """
    before, after, batch = space.expression, space.corrected, truth.codes[1]
    genes, columns, others = np.intersect1d(after.genes, before.genes, return_indices=True)
    if len(genes) == 0:
        raise NotApplicable("the corrected expression has no gene of the expression before")
    columns, others = np.sort(columns), others[np.argsort(columns)]
    overlaps = []
    for rows in (np.flatnonzero(batch == one) for one in range(int(batch.max()) + 1)):
        overlaps += _overlap(before.values[rows][:, others], after.values[rows][:, columns])
    if not overlaps:
        raise NotApplicable("no batch has two expressed genes")
    return float(np.mean(overlaps))


def _overlap(before, after):
    """Overlap of one batch as a list, empty where it has no gene to choose."""
    first = _chosen(before, None)
    then = _chosen(after, len(first))
    shorter = min(len(first), len(then))
    return [len(np.intersect1d(first, then)) / shorter] if shorter else []


def _chosen(values, n_top):
    """Columns of the variable genes; of half the expressed ones, at most 500, where no number is given."""
    columns = np.flatnonzero(expressed(values))
    n_top = min(N_GENES, len(columns) // 2) if n_top is None else n_top
    return columns[variable_genes(values[:, columns], n_top)] if n_top and len(columns) else columns[:0]
