"""An order of the cells for scoring data in which cells have the same coordinates, whatever the order of their rows.

Of cells at the same distance a search of neighbours takes some, and which ones depends on their rows. Where batches are
sorted, that is a bias: the neighbours of a cell with many copies are all of one batch.
"""

import numpy as np

SEED = 0


def order_of(points, label, batch, pseudotime=None):
    """A random order of the cells that depends on what they are, not on their rows.

    Parameters
    ----------
    points
        Coordinates, shape (n_cells, n_dims), float64, finite. Cells are rows.
    label, batch
        Codes from 0, shape (n_cells,).
    pseudotime
        Shape (n_cells,), NaN where there is none; or None.

    Returns
    -------
    Rows in the new order, shape (n_cells,); None where no two cells have the same coordinates.

    Notes
    -----
    Cells are sorted by coordinates, pseudotime, label and batch, then permuted with a fixed seed, so that ties are
    broken by a draw. Names of labels and batches have no influence: labels are sorted by the cells that they have, and
    batches likewise. Where two of them have the same cells, exchanging them changes no score.
    """
    cells = groups_of(points)
    if cells.max() + 1 == len(cells):
        return None
    if pseudotime is not None:
        cells = _numbered(cells, np.nan_to_num(pseudotime, nan=-1))
    by_label, by_batch = np.zeros_like(cells), np.zeros_like(cells)
    # In the second round batches distinguish labels with the same cells, and labels such batches.
    for _ in range(2):
        by_label, by_batch = _ranks(_numbered(cells, by_batch), label), _ranks(_numbered(cells, by_label), batch)
    order = np.lexsort((batch, label, by_batch, by_label, cells))
    return order[np.random.default_rng(SEED).permutation(len(order))]


def groups_of(points):
    """Number of the coordinates of each cell: cells with the same ones have the same number, from 0, shape (n_cells,).

    The numbers do not depend on the order of the rows.
    """
    # Minus zero and zero differ in their bytes.
    rows = np.ascontiguousarray(points + 0.0)
    _, found = np.unique(rows.view(f"V{rows.shape[1] * rows.itemsize}").ravel(), return_inverse=True)
    return found


def n_identical(points):
    """How many cells have the same coordinates as another cell."""
    counts = np.bincount(groups_of(points))
    return int(counts[counts > 1].sum())


def _numbered(*columns):
    """One number for each combination of values, from 0, in sorted order, shape (n_cells,)."""
    numbers = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        _, codes = np.unique(column, return_inverse=True)
        _, numbers = np.unique(numbers * (codes.max() + 1) + codes, return_inverse=True)
    return numbers


def _ranks(cells, codes):
    """Rank of the group of each cell, by the numbers of its cells; equal groups have one rank, shape (n_cells,)."""
    members = [np.sort(cells[codes == code]).tobytes() for code in range(int(codes.max()) + 1)]
    ranks = {member: rank for rank, member in enumerate(sorted(set(members)))}
    return np.array([ranks[member] for member in members])[codes]
