"""Principal components by exact singular value decomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import scipy.sparse as sp

# ARPACK works on XᵀX, so singular values below about 1e-8 of the largest are rounding.
NEGLIGIBLE = 1e-7


class Components(NamedTuple):
    """Scores (n_cells, k), loadings (n_genes, k) and the centre (n_genes,); all float64."""

    scores: np.ndarray
    loadings: np.ndarray
    mean: np.ndarray


def principal_components(values: np.ndarray | sp.csr_matrix, n_comps: int, seed: int = 0) -> Components:
    """Leading principal components of all cells at once: centre by the pooled column mean, scores = U·S.

    Parameters
    ----------
    values
        Cells × genes, dense or sparse (then centred implicitly), float64.
    n_comps
        Components wanted. Fewer come back where the data have fewer: at most min(n_cells, n_genes) − 1, and none
        whose singular value is rounding.
    seed
        Start of ARPACK; the result does not depend on it beyond rounding.

    Returns
    -------
    Components, scores in the order of the rows of `values`; not whitened; signs fixed from the loadings.
    """
    from sklearn.decomposition import PCA

    k = min(n_comps, min(values.shape) - 1)
    pca = PCA(n_components=k, svd_solver="arpack", random_state=seed)
    scores = pca.fit_transform(values)
    kept = int(np.sum(pca.singular_values_ > NEGLIGIBLE * pca.singular_values_[0]))
    return Components(scores[:, :kept], pca.components_[:kept].T, np.asarray(pca.mean_).ravel())
