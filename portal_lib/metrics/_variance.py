"""Share of the variance of principal components that covariates of the cells explain."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from portal_lib.errors import NotApplicable

N_PCS = 50
ROUNDING = 1e-14


def indicator_basis(codes):
    """Orthonormal columns that span the means of groups, shape (n_cells, n_groups)."""
    sizes = np.bincount(codes)
    basis = np.zeros((len(codes), len(sizes)))
    basis[np.arange(len(codes)), codes] = 1 / np.sqrt(sizes[codes])
    return basis


def covariate_basis(values):
    """Orthonormal columns that span covariates, centred, shape (n_cells, up to n_covariates)."""
    left, size, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return left[:, size > 1e-10 * max(size[0], np.finfo(float).tiny)]


def variance_removed(space, truth, before, n_pcs):
    """Share by which integration lowers the variance that batches explain.

    Parameters
    ----------
    space, truth
        What is scored; needs an embedding and batches.
    before
        Function without arguments to the values before integration, whose first 50 components count.
    n_pcs
        How many components of the embedding count; None for all.

    Returns
    -------
    (R2_before - R2_after) / R2_before, at most 1, negative where batches explain more than before.

    Raises
    ------
    NotApplicable
        The batches explain no variance before integration.
    """
    embedding, basis = space.embedding, indicator_basis(truth.batch)
    share_before = explained_share(before(), basis)
    if share_before == 0:
        raise NotApplicable("the batches explain no variance before integration")
    return (share_before - explained_share(embedding, basis, n_pcs)) / share_before


def explained_share(matrix, basis, n_pcs=N_PCS):
    """Share of the variance of the first principal components that a linear regression on the basis explains.

    Parameters
    ----------
    matrix
        Coordinates or expression, shape (n_cells, n_dims), dense or sparse. Cells are rows.
    basis
        Orthonormal columns, shape (n_cells, n_columns).
    n_pcs
        How many components count; None for all.

    Returns
    -------
    In [0, 1]; 0 where there is no variance.

    Notes
    -----
    sum_p v_p R2(PC_p) / sum_p v_p with v_p the variance of the component p and R2 its coefficient of determination. As
    v_p R2(PC_p) is the variance of the fitted values, the share is |Q'XV|² / |XV|² for the centred matrix X, the basis
    Q and the axes V. It depends only on the space of the components, so no axes are computed where all dimensions
    count.
    """
    n_pcs = min(matrix.shape) if n_pcs is None else n_pcs
    means = np.asarray(matrix.mean(axis=0, dtype=np.float64)).ravel()
    if sparse.issparse(matrix) and min(matrix.shape) > n_pcs:
        axes, whole = _leading_axes(matrix, means, n_pcs)
        fitted = (basis.T @ matrix - np.outer(basis.sum(axis=0), means)) @ axes
        return _share(fitted, whole, (matrix.data**2).sum())
    matrix = matrix.toarray() if sparse.issparse(matrix) else matrix
    centred = matrix - means
    if min(centred.shape) > n_pcs:
        _, axes = np.linalg.eigh(centred.T @ centred)
        centred = centred @ axes[:, -n_pcs:]
    return _share(basis.T @ centred, (centred**2).sum(), (matrix**2).sum())


def _share(fitted, whole, uncentred):
    """Sum of squares of the fitted values over the whole; 0 where that is rounding error of centring."""
    return float((fitted**2).sum() / whole) if whole > ROUNDING * uncentred else 0.0


def _leading_axes(matrix, means, n_pcs):
    """Leading axes of the centred matrix, by Lanczos, and the sum of their eigenvalues."""
    n_cells, n_dims = matrix.shape
    turned = matrix.T.tocsr()

    def multiply(vector):
        return turned @ (matrix @ vector) - n_cells * means * (means @ vector)

    operator = LinearOperator((n_dims, n_dims), matvec=multiply, dtype=np.float64)
    start = np.random.default_rng(0).normal(size=n_dims)
    values, axes = eigsh(operator, k=n_pcs, which="LA", v0=start)
    return axes, np.maximum(values, 0).sum()
