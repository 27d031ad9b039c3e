"""Nearest cells in the space: found once, exact up to a stated size, above it approximate with the recall measured."""

from dataclasses import dataclass

import numpy as np

from portal_lib.metrics import _gpu

EXACT_CELLS = 100_000
RECALL_CELLS = 1000
RECALL_SEED = 0


@dataclass(frozen=True)
class Neighbors:
    """The nearest cells of each cell, nearest first, the cell itself among them.

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


def nearest_neighbors(embedding, n_neighbors, exact_cells=EXACT_CELLS):
    """Find the nearest cells of each cell.

    Parameters
    ----------
    embedding
        Shape (n_cells, n_dims), float64, finite. Cells are rows.
    n_neighbors
        Neighbours per cell, the cell itself counted; all cells where there are fewer.
    exact_cells
        Up to this many cells the neighbours are exact, above it approximate (NN-descent).

    Returns
    -------
    :class:`Neighbors`. The nearest of them do not depend on how many are asked for.
    """
    n_neighbors = min(n_neighbors, len(embedding))
    if len(embedding) <= exact_cells:
        facts, device = {"search": "exact", "n_neighbors": n_neighbors}, _gpu.device()
        if device:
            return Neighbors(*_gpu.nearest(embedding, n_neighbors, device), facts | {"device": device})
        return Neighbors(*exact_neighbors(embedding, n_neighbors), facts)
    indices, distances = approximate_neighbors(embedding, n_neighbors)
    facts = {"search": "approximate", "n_neighbors": n_neighbors} | recall_of(embedding, indices)
    return Neighbors(indices, distances, facts)


def exact_neighbors(embedding, n_neighbors, rows=slice(None)):
    """Nearest cells of some rows by brute force, the cell itself among them; scikit-learn's chunks bound the memory."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(embedding)
    distances, indices = search.kneighbors(embedding[rows])
    # Fast distances leave rounding noise between a cell and itself, which would pass for the nearest other cell.
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

    Where so many cells lie at its place that the cell is not among its neighbours, the last one is left out.
    """
    itself = indices == np.arange(len(indices))[:, None]
    itself[~itself.any(axis=1), -1] = True
    return indices[~itself].reshape(len(indices), -1)


def recall_of(embedding, indices):
    """The share of the true neighbours that a search found, on a sample of the cells, and what the sample was."""
    n_cells = min(RECALL_CELLS, len(embedding))
    rows = np.sort(np.random.default_rng(RECALL_SEED).choice(len(embedding), n_cells, replace=False))
    truth, _ = exact_neighbors(embedding, indices.shape[1], rows)
    found = np.mean([len(np.intersect1d(*pair)) for pair in zip(truth, indices[rows], strict=True)])
    return {"recall": float(found / indices.shape[1]), "recall_cells": n_cells, "recall_seed": RECALL_SEED}
