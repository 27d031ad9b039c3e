"""The mixing metric, which chooses Portal's one tuned parameter."""

import numpy as np
import pandas as pd

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.training.cells import as_cells

MAX_CELLS = 10_000
SEED = 1234
# Minimum number of cells of each batch: a small batch would otherwise be lost from the subsample.
_AT_LEAST = 100
# Cells whose neighbours are in memory at a time.
_CHUNK = 1024


def mixing_metric(
    embedding,
    batch,
    *,
    n_neighbors: int = 300,
    position: int = 5,
    max_cells: int = MAX_CELLS,
    seed: int = SEED,
) -> float:
    """Mean number of nearest neighbours among which every batch occurs several times.

    Parameters
    ----------
    embedding
        Coordinates such as the latent space, shape (n_cells, n_dims), finite. Cells are rows; not modified, and of a
        memory map only the sampled rows are read.
    batch
        Batch of each cell, shape (n_cells,): numbers, text or categories, without missing values.
    n_neighbors
        Neighbours searched, including the cell itself; all cells if there are fewer.
    position
        Which cell of a batch counts: by default the fifth nearest.
    max_cells
        More cells are subsampled to this number, plus what is missing to 100 cells of each batch.
    seed
        Of the subsample. Global random generators are not used.

    Returns
    -------
    Mean over the cells; lower is better mixed. With two batches and the defaults 7.5 to 154.5.

    Raises
    ------
    ShapeError
        `embedding` is not a matrix, or `batch` has another length.
    DataError
        A coordinate is not finite, a cell has no batch, or there is only one batch.
    ConfigError
        A number is out of range.

    Notes
    -----
    The neighbours of a cell, without itself, are numbered from 0. r_b is the number of the fifth cell of batch b among
    them, or their count if there is no fifth. The value of the cell is 1 + the median of r_b over the batches; for two
    batches the median is the mean, as published.
    Departs from upstream: any number of batches; the cell itself is excluded also if other cells have the same
    coordinates; the subsample has its own generator, keeps some cells of every batch, and is not drawn if there are
    exactly `max_cells` cells.

    References
    ----------
    Butler et al., Nat. Biotechnol. 36, 411-420 (2018); Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022).
    """
    _check_settings(n_neighbors=(n_neighbors, 2), position=(position, 1), max_cells=(max_cells, 2))
    codes, n_batches = _codes(batch)
    embedding = np.asarray(embedding)
    if embedding.ndim != 2 or len(embedding) != len(codes):
        raise ShapeError(
            f"mixing_metric: the embedding has shape {embedding.shape} for {len(codes)} cells with a batch; "
            "expected (n_cells, n_dims). Cells are rows."
        )
    rows = drawn_cells(codes, max_cells, seed)
    cells = np.ascontiguousarray(as_cells(embedding[rows], "mixing_metric: embedding"))
    return _mean_rank(cells, codes[rows], n_batches, n_neighbors, position)


def drawn_cells(codes: np.ndarray, max_cells: int = MAX_CELLS, seed: int = SEED) -> np.ndarray | slice:
    """Rows that the mixing metric uses, in order: drawn from all cells, then from each batch up to 100 of its cells.

    Parameters
    ----------
    codes
        Batch of each cell as integers from 0, shape (n_cells,).
    max_cells, seed
        As in :func:`mixing_metric`.
    """
    if len(codes) <= max_cells:
        return slice(None)
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(codes), bool)
    drawn[generator.choice(len(codes), max_cells, replace=False)] = True
    n_batches = int(codes.max()) + 1
    for code in range(n_batches):
        left = np.flatnonzero((codes == code) & ~drawn)
        wanted = min(_AT_LEAST, max_cells // n_batches) - int(np.count_nonzero(drawn[codes == code]))
        drawn[generator.choice(left, min(max(wanted, 0), len(left)), replace=False)] = True
    return np.flatnonzero(drawn)


def _check_settings(**settings):
    wrong = [f"{name} is {value}, must be at least {low}" for name, (value, low) in settings.items() if value < low]
    if wrong:
        raise ConfigError("mixing_metric: " + "; ".join(wrong) + ".")


def _codes(batch):
    """Integers from 0, and how many batches there are."""
    if np.ndim(batch) != 1:
        raise ShapeError(f"mixing_metric: batch has shape {np.shape(batch)}; expected (n_cells,).")
    codes, names = pd.factorize(pd.Series(batch))
    if missing := int((codes < 0).sum()):
        raise DataError(f"mixing_metric: {missing} of {len(codes)} cells have no batch.")
    if len(names) < 2:
        raise DataError(f"mixing_metric: {len(names)} batch(es); mixing needs at least 2.")
    return codes, len(names)


def _mean_rank(cells, codes, n_batches, n_neighbors, position):
    """Mean over the cells of 1 + the median rank."""
    from sklearn.neighbors import NearestNeighbors

    n_neighbors = min(n_neighbors, len(cells))
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(cells)
    total = 0.0
    for start in range(0, len(cells), _CHUNK):
        indices = search.kneighbors(cells[start : start + _CHUNK], return_distance=False)
        met = codes[_others(indices, start)]
        ranks = np.stack([_rank(met == b, position) for b in range(n_batches)])
        total += float(np.median(ranks, axis=0).sum()) + len(met)
    return total / len(cells)


def _others(indices, start):
    """Neighbours without the cell itself, or without the last one if many cells with the same coordinates hide it."""
    itself = indices == np.arange(start, start + len(indices))[:, None]
    itself[~itself.any(axis=1), -1] = True
    return indices[~itself].reshape(len(indices), -1)


def _rank(of_batch, position):
    """Number of the cell that is the `position`-th of its batch; one past the last if there are fewer."""
    reached = of_batch.cumsum(axis=1, dtype=np.int32) >= position
    return np.where(reached[:, -1], reached.argmax(axis=1), of_batch.shape[1])
