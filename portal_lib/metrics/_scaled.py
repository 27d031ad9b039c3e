"""Expression scaled as in Portal's code before its variance is taken apart."""

import numpy as np
from scipy import sparse

CLIP = 10.0


def scaled(values):
    """Scale each gene over all cells to mean 0 and standard deviation 1, clip at ±10, and shift so that zeros stay 0.

    Parameters
    ----------
    values
        Log-normalised counts, shape (n_cells, n_genes), CSR or dense. Cells are rows.

    Returns
    -------
    clip((x - mean) / sd, -10, 10) - clip(-mean / sd, -10, 10), CSR float64: the scaled values minus a constant of
    each gene, which changes no variance and keeps the matrix sparse.

    Notes
    -----
    The standard deviation has the divisor n - 1; a constant gene is divided by 1.
    """
    values = sparse.csr_matrix(values, dtype=np.float64, copy=True)
    n_cells = values.shape[0]
    mean = np.asarray(values.mean(axis=0)).ravel()
    squares = np.asarray(values.multiply(values).mean(axis=0)).ravel()
    spread = np.sqrt(np.maximum(squares - mean**2, 0) * n_cells / max(1, n_cells - 1))
    spread[spread == 0] = 1
    genes = values.indices
    of_zero = np.clip(-mean / spread, -CLIP, CLIP)
    values.data = np.clip((values.data - mean[genes]) / spread[genes], -CLIP, CLIP) - of_zero[genes]
    return values
