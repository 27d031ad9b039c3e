"""Principal components from gene-gene products, summed over cells.

Notation, for batch d with n_d cells, after normalisation, log1p, scaling and clipping:

    scaled = c_d + S_d     c_d: scaled value of 0, one row per batch; S_d: as sparse as the counts
    m      = Σ_d (n_d c_d + s_d) / N                          s_d: column sums of S_d
    cov    = [Σ_d (n_d c_d c_dᵀ + c_d s_dᵀ + s_d c_dᵀ + S_dᵀS_d) − N m mᵀ] / (N − 1)
    scores = S_d V + (c_d − m) V

so that no dense matrix of cells × genes is ever made. For unscaled values, c_d = 0.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import scipy.sparse as sp

# Eigenvalues have an error of about 1e-16 of the largest; singular values are their square roots.
NEGLIGIBLE = 1e-7
# Cells per block of products: their values fit into the cache.
BLOCK = 512


class Scores(NamedTuple):
    """Scores (n_cells, k), loadings (n_genes, k) and the centre (n_genes,); all float64."""

    scores: np.ndarray
    loadings: np.ndarray
    mean: np.ndarray


def principal_components(values: np.ndarray | sp.csr_matrix, n_comps: int) -> Scores:
    """Leading principal components of a matrix in memory, by scikit-learn.

    Parameters
    ----------
    values
        Cells × genes, dense or sparse, float64; a sparse matrix stays sparse.
    n_comps
        Number of components; fewer are returned where :meth:`Products.components` says.

    Returns
    -------
    Scores, in the order of the rows of `values`; not whitened; signs fixed from the loadings.
    """
    from sklearn.decomposition import PCA

    k = min(n_comps, min(values.shape) - 1)
    pca = PCA(n_components=k, svd_solver="arpack", random_state=0)
    scores = pca.fit_transform(values)
    kept = int(np.sum(pca.singular_values_ > NEGLIGIBLE * pca.singular_values_[0]))
    return Scores(scores[:, :kept], pca.components_[:kept].T, np.asarray(pca.mean_).ravel())


class Components(NamedTuple):
    """Loadings (n_genes, k), centre (n_genes,), and score of a zero in each batch (n_batches, k); all float64."""

    loadings: np.ndarray
    mean: np.ndarray
    offset: np.ndarray

    def scores(self, rows: sp.csr_matrix, values: np.ndarray, code: np.ndarray, pool, threads: int) -> np.ndarray:
        """Scores of cells, shape (n_cells, k), float32; `values` replace those of `rows`, `code` is the batch."""
        from portal_lib.preparation.kernels import project

        made = np.empty((rows.shape[0], self.loadings.shape[1]), np.float32)
        bounds = np.linspace(0, len(made), threads + 1).astype(int)
        fixed = (rows.indptr, rows.indices, values, code, self.offset, self.loadings)
        parts = [pool.submit(project, *fixed, start, stop, made) for start, stop in itertools.pairwise(bounds)]
        for part in parts:
            part.result()
        return made


class Products:
    """Sums over cells of the products of all pairs of genes, and of the genes themselves.

    Parameters
    ----------
    n_batches, n_genes
        Shape of the sums.
    zero
        What a count of 0 becomes, shape (n_batches, n_genes); None for 0.
    pool, threads
        The sums are shared out over that many threads; the result does not depend on their number.
    """

    def __init__(self, n_batches: int, n_genes: int, pool: ThreadPoolExecutor, threads: int, zero=None):
        self.total = np.zeros((n_batches, n_genes))
        self.zero = np.zeros((n_batches, n_genes)) if zero is None else zero
        self._gram = np.zeros((n_genes, n_genes))
        self._pool, self._threads = pool, threads

    def count(self, rows: sp.csr_matrix, values: np.ndarray, code: np.ndarray) -> None:
        """Add the values of `rows` to the sums of the genes; `code` is the batch of each cell."""
        from portal_lib.preparation.kernels import add_values

        add_values(rows.indptr, rows.indices, values, code, self.total)

    def add(self, rows: sp.csr_matrix, values: np.ndarray, columns: tuple) -> None:
        """Add the products of one block of `rows` (:func:`blocks`), with `values` in place of the stored ones."""
        from portal_lib.preparation.kernels import add_products

        begins, of_rows, places, work = columns
        shares = np.searchsorted(np.cumsum(work), np.linspace(0, work.sum(), self._threads + 1))
        shares[0], shares[-1] = 0, len(work)
        parts = [
            self._pool.submit(
                add_products, rows.indptr, rows.indices, values, begins, of_rows, places, first, last, self._gram
            )
            for first, last in itertools.pairwise(shares)
        ]
        for part in parts:
            part.result()

    def components(self, n_cells: np.ndarray, wanted: int) -> Components:
        """Leading principal components of all cells at once: centre by the pooled column mean, scores = U·S.

        Parameters
        ----------
        n_cells
            Of each batch, shape (n_batches,).
        wanted
            Number of components. Fewer are returned if the data have fewer: at most min(n_cells, n_genes) − 1, and none
            whose singular value is a rounding error.

        Notes
        -----
        The largest loading (by size) of each component is positive. Call once only: the products are overwritten.
        """
        n = int(n_cells.sum())
        mean = (n_cells @ self.zero + self.total.sum(axis=0)) / n
        covariance = _complete(self._gram)
        weighted = (n_cells[:, None] * self.zero + self.total).T
        for start in range(0, len(mean), BLOCK):
            some = slice(start, start + BLOCK)
            # n_d c_d c_dᵀ + s_d c_dᵀ + c_d s_dᵀ − N m mᵀ
            covariance[some] += weighted[some] @ self.zero + self.zero.T[some] @ self.total
            covariance[some] -= np.outer(n * mean[some], mean)
        covariance /= n - 1
        sizes, vectors = _leading(covariance, min(wanted, min(n, len(mean)) - 1))
        del self._gram
        singular = np.sqrt(np.maximum(sizes[::-1], 0.0))
        kept = int(np.sum(singular > NEGLIGIBLE * singular[0]))
        loadings = _fix_signs(vectors[:, ::-1][:, :kept])
        return Components(loadings, mean, (self.zero - mean) @ loadings)


def blocks(rows: sp.csr_matrix):
    """Blocks of rows by column, see :func:`portal_lib.preparation.kernels.by_column`."""
    from portal_lib.preparation.kernels import by_column

    for start in range(0, rows.shape[0], BLOCK):
        stop = min(start + BLOCK, rows.shape[0])
        yield by_column(rows.indptr, rows.indices, start, stop, rows.shape[1])


def _leading(matrix: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest eigenvalues of a symmetric matrix, ascending, and their eigenvectors.

    Uses ARPACK, whose cost grows with k and not with the third power of the size, unless k is a large part of it.
    """
    from scipy.linalg import eigh
    from scipy.sparse.linalg import eigsh

    n = len(matrix)
    if 4 * k > n:
        return eigh(matrix, subset_by_index=(n - k, n - 1), check_finite=False)
    sizes, vectors = eigsh(matrix, k, which="LA", v0=np.random.default_rng(0).normal(size=n))
    order = np.argsort(sizes)
    return sizes[order], vectors[:, order]


def _complete(upper: np.ndarray) -> np.ndarray:
    """Mirror the upper triangle into the lower one, in place, block by block."""
    n, size = len(upper), 512
    for start in range(0, n, size):
        stop = min(start + size, n)
        corner = upper[start:stop, start:stop]
        corner += np.triu(corner, 1).T
        upper[stop:, start:stop] = upper[start:stop, stop:].T
    return upper


def _fix_signs(vectors: np.ndarray) -> np.ndarray:
    """Columns with signs such that the entry of largest size is positive."""
    largest = np.abs(vectors).argmax(axis=0)
    return np.ascontiguousarray(vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])]))
