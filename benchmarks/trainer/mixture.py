"""Simulated cells for measurements: any number, in bounded memory."""

import numpy as np

N_PCS = 30
N_TYPES = 20
# The last types are only in A, the types before them only in B.
ONLY_A, ONLY_B = 2, 2
SHARE_OF_A = 0.6
CHUNK = 8192


def make_cells(n_cells: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two domains of cells of twenty types in components that fall off as those of a PCA.

    Parameters
    ----------
    n_cells
        Of both domains together; three in five are of A.
    seed
        Same seed, same bytes.

    Returns
    -------
    Domain A and domain B, shape (n_cells of the domain, 30), float32. Cells are rows.

    Notes
    -----
    Component k has a standard deviation near 10 / sqrt(1 + k), most of it between types. B is shifted relative to A.
    Two types are only in A and two only in B. Apart from the result, only a chunk of cells is in memory at a time.
    """
    rng = np.random.default_rng(seed)
    scale = (10 / np.sqrt(1 + np.arange(N_PCS))).astype(np.float32)
    centres = rng.standard_normal((N_TYPES, N_PCS), dtype=np.float32) * scale
    shift = 0.3 * scale * rng.standard_normal(N_PCS, dtype=np.float32)
    n_a = round(SHARE_OF_A * n_cells)
    first_of_a = np.r_[: N_TYPES - ONLY_A - ONLY_B, N_TYPES - ONLY_A : N_TYPES]
    x_a = _draw(rng, n_a, centres[first_of_a], 0.3 * scale)
    x_b = _draw(rng, n_cells - n_a, centres[: N_TYPES - ONLY_A] + shift, 0.3 * scale)
    return x_a, x_b


def _draw(rng, n_cells, centres, sd):
    """Cells around centres that are drawn with equal chance."""
    cells = np.empty((n_cells, N_PCS), np.float32)
    for start in range(0, n_cells, CHUNK):
        part = cells[start : start + CHUNK]
        rng.standard_normal(dtype=np.float32, out=part)
        part *= sd
        part += centres[rng.integers(len(centres), size=len(part))]
    return cells
