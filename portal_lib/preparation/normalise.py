"""Counts to log-normalised and scaled values. Cells are rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from anndata import AnnData

TARGET_SUM = 1e4
CLIP = 10.0


def as_csr(matrix: np.ndarray | sp.sparray | sp.spmatrix, dtype: type = np.float32) -> sp.csr_matrix:
    """Copy to CSR in one canonical form: no explicit zeros, sorted indices, the smallest index type that fits."""
    csr = sp.csr_matrix(matrix, dtype=dtype, copy=True)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    index = sp.get_index_dtype(maxval=max(csr.nnz, *csr.shape))
    parts = (csr.data, csr.indices.astype(index, copy=False), csr.indptr.astype(index, copy=False))
    return sp.csr_matrix(parts, shape=csr.shape)


def cell_totals(counts: sp.csr_matrix) -> np.ndarray:
    """Counts of each cell over all columns, shape (n_cells,), float64."""
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()


def log_normalise(counts: sp.csr_matrix, totals: np.ndarray) -> sp.csr_matrix:
    """Normalise each cell to 10⁴ counts and take the natural logarithm of 1 + x.

    Parameters
    ----------
    counts
        Raw counts, shape (n_cells, n_genes); may hold a selection of the genes.
    totals
        Counts of each cell over **all** genes of its data set, shape (n_cells,).

    Returns
    -------
    log1p of counts per 10⁴, shape (n_cells, n_genes), float64. A cell whose total is 0 stays zero.
    """
    factors = np.divide(TARGET_SUM, totals, out=np.zeros(len(totals)), where=totals > 0)
    result = counts.astype(np.float64)
    result.data = np.log1p(result.data * np.repeat(factors, np.diff(result.indptr)))
    return result


def log_normalised(prepared: AnnData) -> sp.csr_matrix:
    """Log-normalised shared variable genes of a prepared object, log1p of counts per 10⁴, float64."""
    return log_normalise(as_csr(prepared.X), prepared.obs["total_counts"].to_numpy())


def scale(values: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale the genes of one data set to mean 0 and standard deviation 1, and clip at ±10.

    Parameters
    ----------
    values
        Log-normalised values of the cells of one data set, shape (n_cells, n_genes).

    Returns
    -------
    scaled, mean, sd
        Shapes (n_cells, n_genes), (n_genes,), (n_genes,), float64. `sd` has ddof 1, and is 1 for a constant gene.

    Notes
    -----
    Clips both sides, as scanpy does from 1.10.0 on; the version Portal was published with clipped above only.
    """
    dense = values.toarray()
    mean = dense.mean(axis=0)
    sd = dense.std(axis=0, ddof=1)
    sd[(np.ptp(dense, axis=0) == 0) | (sd == 0)] = 1.0
    dense -= mean
    dense /= sd
    np.clip(dense, -CLIP, CLIP, out=dense)
    return dense, mean, sd
