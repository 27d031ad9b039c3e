"""Highly variable genes by the flavor ``cell_ranger`` of scanpy."""

import numpy as np
from scipy import sparse
from scipy.stats import norm

SMALL_MEAN = 1e-12


def variable_genes(values, n_top):
    """Genes whose dispersion is high among genes of similar mean.

    Parameters
    ----------
    values
        Log-normalised or corrected expression, shape (n_cells, n_genes), CSR or dense. Cells are rows.
    n_top
        How many; ties at the last place are all taken.

    Returns
    -------
    Whether each gene is chosen, shape (n_genes,).

    Notes
    -----
    Dispersion is variance over mean. Bins of the mean have its percentiles 10, 15 ... 100 as edges; within a bin the
    dispersions are centred by their median and divided by their median absolute deviation. Equal to
    ``scanpy.pp.highly_variable_genes(flavor="cell_ranger")``.

    References
    ----------
    Zheng et al., Nat. Commun. 8, 14049 (2017).
    """
    mean, variance = _moments(values)
    mean[mean == 0] = SMALL_MEAN
    dispersion = variance / mean
    edges = np.percentile(mean, np.arange(10, 105, 5))
    bins = np.searchsorted(edges, mean, side="left")
    scaled = np.empty_like(dispersion)
    with np.errstate(divide="ignore", invalid="ignore"):
        for one in np.unique(bins):
            here = dispersion[bins == one]
            deviation = np.median(np.abs(here - np.median(here))) / norm.ppf(0.75)
            scaled[bins == one] = (here - np.median(here)) / deviation
    known = np.sort(scaled[~np.isnan(scaled)])[::-1]
    if len(known) == 0 or n_top == 0:
        return np.zeros(len(mean), bool)
    return np.nan_to_num(scaled, nan=-np.inf, posinf=np.inf, neginf=-np.inf) >= known[min(n_top, len(known)) - 1]


def expressed(values):
    """Whether each gene is above 0 in any cell, shape (n_genes,)."""
    return np.asarray((values > 0).sum(axis=0)).ravel() > 0


def _moments(values):
    """Mean and variance (divided by n - 1) of each gene, float64."""
    n_cells = values.shape[0]
    if sparse.issparse(values):
        values = values.astype(np.float64)
        mean, squares = (np.asarray(part.mean(axis=0)).ravel() for part in (values, values.multiply(values)))
    else:
        mean = values.mean(axis=0, dtype=np.float64)
        squares = np.multiply(values, values).mean(axis=0, dtype=np.float64)
    return mean, (squares - mean**2) * (n_cells / max(1, n_cells - 1))
