"""Raw counts to log-normalised and scaled values. Cells are rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from anndata import AnnData

    from portal_lib.preparation.prepared import Prepared

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
        Raw counts, shape (n_cells, n_genes); may contain a selection of the genes.
    totals
        Counts of each cell over **all** genes of its data set, shape (n_cells,).

    Returns
    -------
    log1p of counts per 10⁴, shape (n_cells, n_genes), float64. A cell whose total is 0 stays zero.
    """
    result = counts.astype(np.float64)
    result.data = np.log1p(result.data * np.repeat(per_total(totals), np.diff(result.indptr)))
    return result


def log_normalised(prepared: AnnData | Prepared) -> sp.csr_matrix:
    """Log-normalised genes of a prepared object, log1p of counts per 10⁴ of all genes, float64."""
    return log_normalise(counts_of(prepared), prepared.obs["total_counts"].to_numpy())


def counts_of(prepared: AnnData | Prepared) -> sp.csr_matrix:
    """Raw counts of a prepared object, read into memory if on disk, CSR float32."""
    counts = prepared.X
    return as_csr(counts.to_memory() if hasattr(counts, "to_memory") else counts)


def per_total(totals: np.ndarray) -> np.ndarray:
    """Factor that brings each cell to 10⁴ counts, shape (n_cells,); 0 for a cell without counts."""
    return np.divide(TARGET_SUM, totals, out=np.zeros(len(totals)), where=totals > 0)


def log_values_of(rows: sp.csr_matrix, factor: np.ndarray) -> np.ndarray:
    """log1p of the stored counts times the factor of their cell, float64, shape (nnz,)."""
    from portal_lib.preparation.kernels import log_values

    return log_values(rows.indptr, rows.data, factor)


def chosen_columns(rows: sp.csr_matrix, column: np.ndarray, n_columns: int) -> sp.csr_matrix:
    """Columns of raw counts, selected and reordered, CSR float32 without zeros.

    Parameters
    ----------
    rows
        CSR with int32 indices and pointers, as :meth:`portal_lib.preparation.reading.rows.Rows.chunks` gives them.
    column
        New position of each column, int32, -1 to drop it.
    n_columns
        Number of selected columns.
    """
    from portal_lib.preparation.kernels import select_columns

    values = rows.data.astype(np.float32, copy=False)
    indptr, indices, data = select_columns(rows.indptr, rows.indices, values, column, n_columns)
    made = sp.csr_matrix((len(indptr) - 1, n_columns), dtype=data.dtype)
    made.indptr, made.indices, made.data = indptr, indices, data
    made.has_canonical_format = True
    return made


class Spread:
    """Number, sum, sum of squares, minimum and maximum of the stored values, each of shape (n_batches, n_genes)."""

    def __init__(self, n_batches: int, n_genes: int):
        shape = (n_batches, n_genes)
        self.n = np.zeros(shape, np.int64)
        self.total, self.squares = np.zeros(shape), np.zeros(shape)
        self.lowest, self.largest = np.full(shape, np.inf), np.full(shape, -np.inf)

    def of_genes(self, columns: np.ndarray, *, pooled: bool = False) -> Spread:
        """Of some genes; `pooled` over all batches, then with one row."""
        made = Spread(1 if pooled else len(self.n), len(columns))
        for name, part in vars(self).items():
            join = {"lowest": np.minimum, "largest": np.maximum}.get(name, np.add)
            chosen = part[:, columns]
            setattr(made, name, join.reduce(chosen, axis=0, keepdims=True) if pooled else chosen)
        return made

    def add(self, rows: sp.csr_matrix, values: np.ndarray, code: np.ndarray) -> None:
        """Add cells; `values` replace those stored in `rows`, `code` is the batch number of each cell."""
        from portal_lib.preparation.kernels import add_spread

        mine = (self.n, self.total, self.squares, self.lowest, self.largest)
        add_spread(rows.indptr, rows.indices, values, code, *mine)


@dataclass(frozen=True)
class Scaling:
    """Scaling of the log-normalised values of each batch: mean 0, standard deviation 1, clipped at ±10.

    Parameters
    ----------
    mean, sd
        Per batch and gene, shape (n_batches, n_genes); `sd` has ddof 1, and is 1 for a constant gene.
    zero
        Scaled value of 0, shape (n_batches, n_genes).

    Notes
    -----
    Clips on both sides, as scanpy since 1.10.0; the version used for the Portal paper clipped large values only.
    """

    mean: np.ndarray
    sd: np.ndarray
    zero: np.ndarray

    @classmethod
    def of(cls, spread: Spread, n_cells: np.ndarray) -> Scaling:
        """Scaling from sums over the cells of each batch, including zeros, which are not stored."""
        n = n_cells[:, None]
        mean = spread.total / n
        sd = np.sqrt(np.maximum(spread.squares - n * mean**2, 0.0) / (n - 1))
        has_zero = spread.n < n
        lowest, largest = (np.where(has_zero, bound(x, 0.0), x) for bound, x in _bounds_of(spread))
        sd[(lowest == largest) | (sd == 0)] = 1.0
        return cls(mean, sd, np.clip(-mean / sd, -CLIP, CLIP))

    def values_of(self, rows: sp.csr_matrix, values: np.ndarray, code: np.ndarray) -> np.ndarray:
        """Scaled values minus the scaled value of 0, shape (nnz,), float64.

        Parameters
        ----------
        rows
            Where the values are stored.
        values
            Log-normalised values (:func:`log_values_of`), shape (nnz,).
        code
            Batch number of each cell.
        """
        from portal_lib.preparation.kernels import scale_stored

        return scale_stored(rows.indptr, rows.indices, values, code, self.mean, self.sd, self.zero, CLIP)


def _bounds_of(spread: Spread):
    return (np.minimum, spread.lowest), (np.maximum, spread.largest)
