"""Cell cycle scores, and how much of the variance that they explain is kept by integration."""

import numpy as np
from scipy.stats import rankdata

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import rows_of_groups
from portal_lib.metrics._cell_cycle_genes import genes_of
from portal_lib.metrics._variance import covariate_basis, explained_share

N_BINS = 25
SEED = 0


def conservation(before, after, scores, batch):
    """How well integration conserves the share of variance that the cell cycle explains.

    Parameters
    ----------
    before, after
        Functions of the rows of a batch to its values before and after integration, and the number of principal
        components that count (None for all).
    scores
        Function of the rows of a batch to its scores of S and of G2/M, shape (n_rows, 2).
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
        basis = covariate_basis(scores(rows))
        share_before, share_after = (
            explained_share(values, basis, n_pcs) for values, n_pcs in (before(rows), after(rows))
        )
        if share_before > 0:
            kept.append(max(0.0, 1 - abs(share_after - share_before) / share_before))
    if not kept:
        raise NotApplicable("the cell cycle explains no variance before integration")
    return float(np.mean(kept))


def cycle_genes(genes, organism):
    """Columns of the genes of S and of G2/M, found by name or by id, whichever finds more.

    Parameters
    ----------
    genes
        Names or ids of the genes, shape (n_genes,).
    organism
        ``"human"`` or ``"mouse"``.

    Returns
    -------
    Two arrays of columns, ascending.

    Raises
    ------
    NotApplicable
        Another organism, or no gene of a phase is found.
    """
    phases = genes_of(organism)
    if phases is None:
        raise NotApplicable(f"no genes of the cell cycle are known for the organism {organism!r}")
    found = [max((np.flatnonzero(np.isin(genes, names)) for names in kinds), key=len) for kinds in phases.values()]
    if min(len(columns) for columns in found) == 0:
        raise NotApplicable(f"{len(found[0])} genes of S and {len(found[1])} of G2/M are among the {organism} genes")
    return found


def cycle_scores(values, columns):
    """Scores of S and of G2/M of some cells.

    Parameters
    ----------
    values
        Expression, shape (n_cells, n_genes), CSR. Cells are rows.
    columns
        Columns of the genes of both phases, from :func:`cycle_genes`.

    Returns
    -------
    Shape (n_cells, 2), float64.

    Raises
    ------
    NotApplicable
        There are no other genes to compare with.

    Notes
    -----
    Mean over the genes of a phase minus mean over control genes of similar expression: genes are put into 25 bins by
    mean, and from each bin with a gene of the phase as many are drawn as the smaller of the two phases has. Equal to
    ``scanpy.tl.score_genes_cell_cycle`` with its seed, but without changing numpy's global generator.

    References
    ----------
    Satija et al., Nat. Biotechnol. 33, 495 (2015).
    """
    n_drawn = min(len(columns[0]), len(columns[1]))
    # In float64 as in scanpy: near-equal means must fall into the same bins.
    means = np.asarray(values.sum(axis=0, dtype=np.float64)).ravel() / values.shape[0]
    bins = rankdata(means, method="min") // max(1, round(len(means) / (N_BINS - 1)))
    return np.column_stack([_score(values, genes, _controls(bins, genes, n_drawn)) for genes in columns])


def _controls(bins, genes, n_drawn):
    """Control genes of similar expression, drawn as by scanpy, without those of the phase."""
    random, drawn = np.random.RandomState(SEED), []
    for one in np.unique(bins[genes]):
        pool = np.flatnonzero(bins == one)
        if n_drawn < len(pool):
            pool = pool[random.choice(len(pool), size=n_drawn, replace=False)]
        drawn.append(np.setdiff1d(pool, genes))
    controls = np.unique(np.concatenate(drawn))
    if len(controls) == 0:
        raise NotApplicable("no genes to compare those of the cell cycle with")
    return controls


def _score(values, genes, controls):
    """Mean of some genes minus that of others, shape (n_cells,)."""
    sums = [np.asarray(values[:, part].sum(axis=1, dtype=np.float64)).ravel() / len(part) for part in (genes, controls)]
    return sums[0] - sums[1]
