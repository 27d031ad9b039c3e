"""HVG conservation: whether the same genes are highly variable in a batch before and after integration."""

import numpy as np
from scipy import sparse

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import rows_of_groups
from portal_lib.metrics._variable_genes import expressed, variable_genes

METRIC = {
    "label": "HVG conservation",
    "shares": "_scib",
    "group": "bio",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6; before integration are log-normalised counts of the "
    "genes that the method corrected, which are the highly variable ones unless it chooses its own",
    "fast": True,
    "needs": ["expression", "corrected"],
}

N_GENES = 500


def score(space, truth):
    """Mean over batches of the overlap of highly variable genes before and after.

    Returns
    -------
    Overlap in [0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        No corrected expression, none before, no genes in both, or fewer than two expressed genes in each batch.

    Notes
    -----
    Per batch the 500 genes of highest dispersion (``cell_ranger``; at most half of the genes that the batch expresses),
    of the genes that the corrected expression has, before and after: genes of both lists over the shorter one. Before
    integration are log-normalised counts; genes that the method did not get are in neither list, as in scib. So where
    it corrects 2,000 highly variable genes, the 500 are chosen of these, not of all genes of the data set.
    A batch without two expressed genes before is left out; one in which all cells are the same after the correction, or
    no gene can be chosen, counts 0. Departs from scib, which has no value (nan, or an error) there.
    """
    before, after, batch = space.expression, space.corrected, truth.codes[1]
    genes, columns, others = np.intersect1d(after.genes, before.genes, return_indices=True)
    if len(genes) == 0:
        raise NotApplicable("the corrected expression has no gene of the expression before")
    columns, others = np.sort(columns), others[np.argsort(columns)]
    overlaps = []
    for rows in rows_of_groups(batch):
        overlaps += _overlap(before.values[rows][:, others], after.values[rows][:, columns])
    if not overlaps:
        raise NotApplicable("no batch has two expressed genes")
    return float(np.mean(overlaps))


def _overlap(before, after):
    """Overlap of one batch as a list, empty where it has no gene to choose before; 0 where it has none after."""
    first = _chosen(before, None)
    if len(first) == 0:
        return []
    # Rounding gives a constant gene a dispersion above 0.
    second = first[:0] if _constant(after) else _chosen(after, len(first))
    return [len(np.intersect1d(first, second)) / max(1, min(len(first), len(second)))]


def _constant(values):
    """Whether all cells have the same expression; a single cell cannot tell."""
    if values.shape[0] < 2:
        return False
    widths = values.max(axis=0) - values.min(axis=0)
    return not (widths.nnz if sparse.issparse(widths) else widths.any())


def _chosen(values, n_top):
    """Columns of the variable genes; of half the expressed ones, at most 500, where no number is given."""
    columns = np.flatnonzero(expressed(values))
    n_top = min(N_GENES, len(columns) // 2) if n_top is None else n_top
    return columns[variable_genes(values[:, columns], n_top)] if n_top and len(columns) else columns[:0]
