"""Nearest cells in the embedding: exact up to 100,000 cells, above that approximate with measured recall."""

from dataclasses import dataclass

import numpy as np

from portal_lib.metrics import _gpu
from portal_lib.metrics._arrays import sample_rows

EXACT_CELLS = 100_000
RECALL_CELLS = 1000
RECALL_SEED = 0


@dataclass(frozen=True)
class Neighbors:
    """The nearest cells of each cell, nearest first, including the cell itself.

    Attributes
    ----------
    indices, distances
        Rows of the neighbours and Euclidean distances to them, shape (n_cells, n_neighbors) both.
    facts
        ``search`` (``"exact"`` or ``"approximate"``), ``n_neighbors``; ``device`` if it was a GPU; of an approximate
        search also ``recall``, the share of the true neighbours that it found for ``recall_cells`` cells drawn with
        ``recall_seed``.
    """

    indices: np.ndarray
    distances: np.ndarray
    facts: dict

    def cut(self, n_neighbors):
        """Indices and distances of the first neighbours only, copies, shape (n_cells, n_neighbors) both."""
        return self.indices[:, :n_neighbors].copy(), self.distances[:, :n_neighbors].copy()


def nearest_neighbors(embedding, n_neighbors):
    """Find the nearest cells of each cell.

    Parameters
    ----------
    embedding
        Shape (n_cells, n_dims), float64, finite. Cells are rows.
    n_neighbors
        Neighbours per cell, including itself; all cells where there are fewer.

    Returns
    -------
    :class:`Neighbors`, exact up to 100,000 cells, above that by NN-descent. The first neighbours of an exact search do
    not depend on `n_neighbors`.
    """
    n_neighbors = min(n_neighbors, len(embedding))
    if len(embedding) <= EXACT_CELLS:
        facts, device = {"search": "exact", "n_neighbors": n_neighbors}, _gpu.device()
        if device:
            return Neighbors(*_gpu.nearest(embedding, n_neighbors, device), facts | {"device": device})
        return Neighbors(*exact_neighbors(embedding, n_neighbors), facts)
    indices, distances = approximate_neighbors(embedding, n_neighbors)
    facts = {"search": "approximate", "n_neighbors": n_neighbors} | recall_of(embedding, indices)
    return Neighbors(indices, distances, facts)


def exact_neighbors(embedding, n_neighbors, rows=slice(None)):
    """Nearest cells of some rows by brute force, including the cell itself; scikit-learn's chunks bound the memory.

    Returns
    -------
    Indices and Euclidean distances, nearest first, shape (n_rows, n_neighbors) both.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(embedding)
    distances, indices = search.kneighbors(embedding[rows])
    # Rounding leaves a small distance between a cell and itself, which would be taken for that of the nearest other.
    distances[indices == np.arange(len(embedding))[rows][:, None]] = 0
    return indices, distances


def approximate_neighbors(embedding, n_neighbors):
    """Nearest cells by NN-descent, with the settings of UMAP and scanpy."""
    from pynndescent import NNDescent

    n_cells = len(embedding)
    search = NNDescent(
        embedding.astype(np.float32),
        n_neighbors=n_neighbors,
        n_trees=min(64, 5 + round(n_cells**0.5 / 20)),
        n_iters=max(5, round(np.log2(n_cells))),
        random_state=0,
    )
    indices, distances = search.neighbor_graph
    distances[indices == np.arange(n_cells)[:, None]] = 0
    return indices, distances


def others_of(indices):
    """Neighbours without the cell itself, shape (n_cells, n_neighbors - 1); of rows 0, 1 ... of `indices`.

    Where the cell is not among its neighbours, since many cells have the same coordinates, the last one is left out.
    """
    itself = indices == np.arange(len(indices))[:, None]
    itself[~itself.any(axis=1), -1] = True
    return indices[~itself].reshape(len(indices), -1)


def recall_of(embedding, indices):
    """The share of true neighbours that a search found, on a sample of the cells; with size and seed of the sample."""
    rows = np.sort(sample_rows(len(embedding), RECALL_CELLS, RECALL_SEED))
    truth, _ = exact_neighbors(embedding, indices.shape[1], rows)
    found = np.mean([len(np.intersect1d(*pair)) for pair in zip(truth, indices[rows], strict=True)])
    return {"recall": float(found / indices.shape[1]), "recall_cells": len(rows), "recall_seed": RECALL_SEED}
