"""What a metric is given: the integrated space, and the truth about its cells."""

from functools import cached_property

import numpy as np
from scipy import sparse

from portal_lib.errors import DataError, NotApplicable, ShapeError
from portal_lib.metrics import _clusters, _graph, _lisi


class Space:
    """An integrated space; its graph and what follows from it are computed once, when first asked for.

    Parameters
    ----------
    embedding
        Integrated coordinates, shape (n_cells, n_dims), any scale, finite; or None for a method that gives a graph.
        Cells are rows.
    connectivities
        Neighbour graph, shape (n_cells, n_cells), sparse, weights finite and not negative. Without it the graph is
        made of the embedding (:func:`~portal_lib.metrics._graph.neighbor_graph`).
    before
        Uncorrected coordinates of the same cells in the same order, shape (n_cells, n_pcs), centred or not, each
        column with the variance of its principal component; or None.
    seed
        Seed of the clusterings.

    Raises
    ------
    DataError
        A value is not finite, a weight is negative, there are fewer than two cells, or neither an embedding nor a
        graph is given.
    ShapeError
        The parts differ in their number of cells, or are not matrices.
    """

    def __init__(self, embedding=None, *, connectivities=None, before=None, seed=0):
        self._embedding = None if embedding is None else _coordinates(embedding, "the embedding")
        self._before = None if before is None else _coordinates(before, "the uncorrected embedding")
        self._given_graph = None if connectivities is None else _weights(connectivities)
        self._seed = seed
        sizes = {len(part) for part in (self._embedding, self._before) if part is not None}
        if self._given_graph is not None:
            sizes.add(self._given_graph.shape[0])
        if self._embedding is None and self._given_graph is None:
            raise DataError("neither an embedding nor a neighbour graph to score")
        if len(sizes) > 1:
            raise ShapeError(f"embedding, graph and uncorrected embedding differ in cells: {sorted(sizes)}")
        self.n_cells = sizes.pop()
        if self.n_cells < 2:
            raise DataError("one cell cannot be scored; at least 2 are needed")

    @property
    def embedding(self):
        """Coordinates, shape (n_cells, n_dims), float64; NotApplicable without them, or where all cells coincide."""
        if self._embedding is None:
            raise NotApplicable("the method gives a graph, not an embedding")
        if np.ptp(self._embedding, axis=0).max() == 0:
            raise NotApplicable("the embedding is constant")
        return self._embedding

    @property
    def before(self):
        """Uncorrected coordinates, shape (n_cells, n_pcs), float64; NotApplicable without them."""
        if self._before is None:
            raise NotApplicable("no uncorrected embedding to compare with")
        return self._before

    @cached_property
    def connectivities(self):
        """The neighbour graph, shape (n_cells, n_cells), CSR; NotApplicable if it has no edges."""
        graph = _graph.neighbor_graph(self.embedding) if self._given_graph is None else self._given_graph
        if graph.nnz == 0:
            raise NotApplicable("the neighbour graph has no edges")
        return graph

    @cached_property
    def clusterings(self):
        """Leiden clusters at resolutions 0.2, 0.4 ... 2.0, integer codes, shape (10, n_cells)."""
        return _clusters.leiden(self.connectivities, seed=self._seed)

    @cached_property
    def path_neighborhoods(self):
        """The 90 nearest others of each cell by path and their weights, as graph LISI needs them."""
        return _lisi.path_neighborhoods(self.connectivities)

    def clusters(self, label):
        """The clustering that agrees best with the labels by NMI, integer codes, shape (n_cells,)."""
        return _clusters.best_clustering(self.clusterings, label)


class Truth:
    """What is known about the cells: batch and label, each as integers from 0, numbered as they first occur.

    Names, and the order that names have, change nothing.

    Parameters
    ----------
    batch, label
        One value per cell in the order of the space, of any type, shape (n_cells,); or None if unknown.

    Raises
    ------
    DataError
        A value is missing.
    ShapeError
        The two differ in their number of cells.
    """

    def __init__(self, batch=None, label=None):
        self._batch = None if batch is None else _codes(batch, "batch")
        self._label = None if label is None else _codes(label, "label")
        self.n_cells = next((len(codes) for codes in (self._batch, self._label) if codes is not None), 0)
        if self._batch is not None and self._label is not None and len(self._batch) != len(self._label):
            raise ShapeError(f"{len(self._batch)} batches for {len(self._label)} labels; one of each per cell")

    @property
    def batch(self):
        """Batch codes, shape (n_cells,); NotApplicable where there are not at least two batches."""
        return _several(self._batch, "batch", "batches")

    @property
    def label(self):
        """Label codes, shape (n_cells,); NotApplicable where there are no labels."""
        if self._label is None:
            raise NotApplicable("no labels are known")
        return self._label

    @property
    def labels_to_compare(self):
        """Label codes where they divide the cells: NotApplicable for one label, or as many labels as cells."""
        label = _several(self.label, "label", "labels")
        if label.max() + 1 == len(label):
            raise NotApplicable("every cell has its own label")
        return label


def _coordinates(matrix, name):
    """A finite float64 matrix, rows contiguous."""
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ShapeError(f"{name} has shape {matrix.shape}; expected (n_cells, n_dims). Cells are rows.")
    if not np.isfinite(matrix).all():
        raise DataError(f"{name} has values that are not finite, {int((~np.isfinite(matrix)).sum())} of {matrix.size}")
    return matrix


def _weights(connectivities):
    """A square CSR matrix without stored zeros, finite and not negative."""
    graph = sparse.csr_matrix(connectivities, copy=True)
    if graph.shape[0] != graph.shape[1]:
        raise ShapeError(f"the neighbour graph has shape {graph.shape}; expected (n_cells, n_cells)")
    if not np.isfinite(graph.data).all() or (graph.data < 0).any():
        raise DataError("the neighbour graph has weights that are negative or not finite")
    graph.sum_duplicates()
    graph.eliminate_zeros()
    return graph


def _codes(values, name):
    """Integers from 0 in the order of first occurrence."""
    import pandas as pd

    codes, _ = pd.factorize(np.asarray(values, dtype=object))
    if (codes < 0).any():
        raise DataError(f"{int((codes < 0).sum())} of {len(codes)} cells have no {name}")
    return codes.astype(np.int64)


def _several(codes, singular, plural):
    """The codes, if there are at least two different ones."""
    if codes is None:
        raise NotApplicable(f"no {plural} are known")
    if codes.max(initial=0) == 0:
        raise NotApplicable(f"all cells are of one {singular}")
    return codes
