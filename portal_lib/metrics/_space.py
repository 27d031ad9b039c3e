"""Input of the metrics of integration: the integrated space, and the ground truth for its cells."""

from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy import sparse

from portal_lib.errors import DataError, NotApplicable, ShapeError
from portal_lib.metrics import _clusters, _distances, _gpu, _graph, _kbet, _lisi, _neighbors, _ties
from portal_lib.metrics._checks import finite_matrix, given

# Neighbours in the graph of kBET, the largest number of all metrics.
MOST_NEIGHBORS = 50


class Space:
    """An integrated space. Its graph and what metrics derive from it are computed once, on first use.

    Parameters
    ----------
    embedding
        Integrated coordinates, shape (n_cells, n_dims), any scale, finite; or None for a method that gives a graph.
        Cells are rows.
    connectivities
        Neighbour graph, shape (n_cells, n_cells), sparse, weights finite and not negative; or None to compute it from
        the embedding (:func:`~portal_lib.metrics._graph.graph_of_neighbors`).
    before
        Uncorrected coordinates of the same cells in the same order, shape (n_cells, n_pcs), centred or not, each
        column with the variance of its principal component; or None.
    expression
        Log-normalised counts before integration and the names of their genes: a pair of a matrix, shape (n_cells,
        n_genes), sparse or dense, and a sequence of names; or a function without arguments that returns the pair,
        called on first use; or None.
    corrected
        Corrected expression from the method, as `expression`; its genes are some or all of those; or None.
    pseudotime
        Known position of each cell on its trajectory, shape (n_cells,), from 0, NaN where it has none; or None.
    cell_cycle
        Scores of the cell cycle, of S and of G2/M, shape (n_cells, 2); or a text that says why there are none; or None.
    seed
        Seed of the clusterings.

    Raises
    ------
    DataError
        A value is not finite, a weight is negative, there are fewer than two cells, names of genes are missing or not
        unique, or neither an embedding nor a graph is given.
    ShapeError
        The parts differ in their number of cells, or are not matrices.
    """

    # The truth, an order of the cells, and space and truth in this order (:meth:`settled`).
    _settled = None

    def __init__(
        self,
        embedding=None,
        *,
        connectivities=None,
        before=None,
        expression=None,
        corrected=None,
        pseudotime=None,
        cell_cycle=None,
        seed=0,
    ):
        self._embedding = None if embedding is None else finite_matrix(embedding, "the embedding")
        self._before = None if before is None else finite_matrix(before, "the uncorrected embedding")
        self._given_graph = None if connectivities is None else _weights(connectivities)
        self._expression, self._corrected = expression, corrected
        self._pseudotime = None if pseudotime is None else _times(pseudotime)
        if cell_cycle is not None and not isinstance(cell_cycle, str):
            cell_cycle = finite_matrix(cell_cycle, "the scores of the cell cycle", (None, 2))
        self._cell_cycle, self._seed = cell_cycle, seed
        self._sums = None
        parts = (self._embedding, self._before, self._pseudotime, self._cell_cycle)
        sizes = {len(part) for part in parts if isinstance(part, np.ndarray)}
        if self._given_graph is not None:
            sizes.add(self._given_graph.shape[0])
        if self._embedding is None and self._given_graph is None:
            raise DataError("neither an embedding nor a neighbour graph to score")
        if len(sizes) > 1:
            parts = "embedding, graph, uncorrected embedding, pseudotime and scores of the cell cycle"
            raise ShapeError(f"{parts} differ in cells: {sorted(sizes)}")
        self.n_cells = sizes.pop()
        if self.n_cells < 2:
            raise DataError("one cell cannot be scored; at least 2 are needed")

    @property
    def embedding(self):
        """Coordinates, shape (n_cells, n_dims), float64; NotApplicable without them, or where all cells coincide."""
        embedding = given(self._embedding, "the method gives a graph, not an embedding")
        if np.ptp(embedding, axis=0).max() == 0:
            raise NotApplicable("the embedding is constant")
        return embedding

    @property
    def before(self):
        """Uncorrected coordinates, shape (n_cells, n_pcs), float64; NotApplicable without them."""
        return given(self._before, "no uncorrected embedding to compare with")

    @cached_property
    def expression(self):
        """Log-normalised counts before integration, :class:`Expression`; NotApplicable without them."""
        part = given(self._expression, "no expression before integration to compare with")
        return _expression(part, "the expression", self.n_cells)

    @cached_property
    def corrected(self):
        """Corrected expression from the method, :class:`Expression`; NotApplicable without it."""
        part = given(self._corrected, "the method gives no corrected expression")
        return _expression(part, "the corrected expression", self.n_cells)

    @property
    def pseudotime(self):
        """Known pseudotime, shape (n_cells,), float64, NaN where there is none; NotApplicable without it."""
        return given(self._pseudotime, "the data set has no pseudotime")

    @property
    def cell_cycle(self):
        """Scores of S and of G2/M, shape (n_cells, 2), float64; NotApplicable without them."""
        if isinstance(self._cell_cycle, str):
            raise NotApplicable(f"no scores of the cell cycle: {self._cell_cycle}")
        return given(self._cell_cycle, "no scores of the cell cycle")

    @cached_property
    def neighbors(self):
        """The 50 nearest cells of each, :class:`~portal_lib.metrics._neighbors.Neighbors`."""
        return _neighbors.nearest_neighbors(self.embedding, MOST_NEIGHBORS)

    @property
    def neighbor_facts(self):
        """How neighbours were found: `facts` of :class:`~portal_lib.metrics._neighbors.Neighbors`.

        ``{"search": "given"}`` for a given graph; empty if no neighbours were needed yet. Of cells scored in an order
        of their own (:meth:`settled`) also ``identical_cells``, how many have the coordinates of another.
        """
        if self._twin is not None:
            found = self._twin.neighbor_facts
            return found and found | {"identical_cells": _ties.n_identical(self._embedding)}
        if "neighbors" in self.__dict__:
            return self.neighbors.facts
        return {} if self._given_graph is None else {"search": "given"}

    @cached_property
    def connectivities(self):
        """The neighbour graph, shape (n_cells, n_cells), CSR; NotApplicable if it has no edges."""
        if self._twin is not None and self._given_graph is None:
            back = np.argsort(self._settled[1])
            return self._twin.connectivities[back][:, back]
        graph = self._given_graph
        if graph is None:
            graph = _graph.graph_of_neighbors(self.neighbors)
        if graph.nnz == 0:
            raise NotApplicable("the neighbour graph has no edges")
        return graph

    @cached_property
    def wide_connectivities(self):
        """The graph of 50 neighbours; without an embedding the given graph, diffused until every cell has 50."""
        if self._embedding is None:
            return _kbet.diffused(self.connectivities, MOST_NEIGHBORS)
        return _graph.graph_of_neighbors(self.neighbors, MOST_NEIGHBORS)

    @cached_property
    def clusterings(self):
        """Leiden clusters at resolutions 0.2, 0.4 ... 2.0, integer codes, shape (10, n_cells)."""
        return _clusters.leiden(self.connectivities, seed=self._seed)

    @cached_property
    def louvain_clusters(self):
        """One Louvain clustering of the graph of shared neighbours, integer codes, shape (n_cells,)."""
        indices, _ = self.neighbors.cut(_clusters.SHARED_NEIGHBORS)
        return _clusters.louvain(_clusters.shared_neighbors(indices), seed=self._seed)

    @cached_property
    def path_neighborhoods(self):
        """The 90 nearest others of each cell by path, :class:`~portal_lib.metrics._lisi.PathNeighborhoods`."""
        return _lisi.path_neighborhoods(self.connectivities)

    def clusters(self, label):
        """The clustering that agrees best with the labels by NMI, integer codes, shape (n_cells,)."""
        return _clusters.best_clustering(self.clusterings, label)

    def settled(self, truth):
        """Give the space and its truth in an order of the cells that breaks ties without regard to their rows.

        Parameters
        ----------
        truth
            Batch and label of the cells, :class:`Truth`.

        Returns
        -------
        The space and `truth` themselves, unless cells have the same coordinates; else both with their rows in the order
        of :func:`~portal_lib.metrics._ties.order_of`, computed once for the same truth.
        """
        if self._settled is None or self._settled[0] is not truth:
            points, times = self._embedding, self._pseudotime
            order = None if points is None else _ties.order_of(points, *truth.codes, times)
            parts = (None, None) if order is None else (self._in_order(order), truth.in_order(order))
            self._settled = truth, order, *parts
        _, order, space, in_order = self._settled
        return (self, truth) if order is None else (space, in_order)

    @property
    def _twin(self):
        """The space with its rows in another order, if it is scored in that order."""
        return None if self._settled is None else self._settled[2]

    def _in_order(self, order):
        """The same space with its rows in another order; nothing that was derived from them is kept."""

        def of(name):
            part = getattr(self, name)
            return part.values[order], part.genes

        other = copy(self)
        for name, part in vars(self).items():
            if isinstance(part, np.ndarray) and len(part) == self.n_cells:
                setattr(other, name, part[order])
            elif not name.startswith("_") and name != "n_cells":
                delattr(other, name)
        if self._given_graph is not None:
            other._given_graph = self._given_graph[order][:, order]
        other._expression = None if self._expression is None else partial(of, "expression")
        other._corrected = None if self._corrected is None else partial(of, "corrected")
        other._sums = other._settled = None
        return other

    def distance_sums(self, truth):
        """Sums of distances, :class:`~portal_lib.metrics._distances.DistanceSums`; kept for the same truth."""
        if self._sums is None or self._sums[0] is not truth:
            device = _gpu.device()
            how = partial(_gpu.distance_sums, device=device) if device else _distances.distance_sums
            self._sums = truth, how(self.embedding, *truth.codes)
        return self._sums[1]


@dataclass(frozen=True)
class Expression:
    """Values of genes: `values`, shape (n_cells, n_genes), CSR or dense, finite floats; `genes`, their names."""

    values: sparse.csr_matrix | np.ndarray
    genes: np.ndarray


class Truth:
    """Ground truth for the cells: batch and label, each as integers from 0, numbered in the order of first occurrence.

    The names themselves and their order have no influence.

    Parameters
    ----------
    batch, label
        One value per cell in the order of the space, of any type, shape (n_cells,); or None if unknown.

    Raises
    ------
    DataError
        A value is missing.
    ShapeError
        `batch` and `label` differ in length.
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
        return given(self._label, "no labels are known")

    @property
    def label_or_one(self):
        """Label codes, shape (n_cells,); 0 for all cells where there are no labels."""
        return np.zeros(self.n_cells, np.int64) if self._label is None else self._label

    @property
    def labels_to_compare(self):
        """Label codes, shape (n_cells,); NotApplicable for one label, or as many labels as cells."""
        label = _several(self.label, "label", "labels")
        if label.max() + 1 == len(label):
            raise NotApplicable("every cell has its own label")
        return label

    def in_order(self, order):
        """The truth of the same cells with their rows in another order."""
        return Truth(*(None if codes is None else codes[order] for codes in (self._batch, self._label)))

    @property
    def codes(self):
        """Label and batch codes, zeros where they are unknown, shape (n_cells,) both."""
        zeros = np.zeros(self.n_cells, np.int64)
        return tuple(zeros if codes is None else codes for codes in (self._label, self._batch))


def _expression(pair, name, n_cells):
    """Checked values and names of genes."""
    values, genes = pair() if callable(pair) else pair
    values = sparse.csr_matrix(values) if sparse.issparse(values) else np.asarray(values)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    genes = np.asarray(genes, dtype=str)
    if values.shape != (n_cells, len(genes)):
        raise ShapeError(f"{name} has shape {values.shape} for {n_cells} cells and {len(genes)} names of genes")
    if len(np.unique(genes)) < len(genes):
        raise DataError(f"{name} has {len(genes) - len(np.unique(genes))} names of genes that are not unique")
    if not np.isfinite(values.data if sparse.issparse(values) else values).all():
        raise DataError(f"{name} has values that are not finite")
    return Expression(values, genes)


def _times(pseudotime):
    """Pseudotime as float64; NaN is allowed, infinity is not."""
    pseudotime = np.asarray(pseudotime, dtype=np.float64)
    if pseudotime.ndim != 1:
        raise ShapeError(f"the pseudotime has shape {pseudotime.shape}; expected (n_cells,)")
    if np.isinf(pseudotime).any():
        raise DataError("the pseudotime has infinite values; NaN stands for a cell without one")
    return pseudotime


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
    codes = given(codes, f"no {plural} are known")
    if codes.max(initial=0) == 0:
        raise NotApplicable(f"all cells are of one {singular}")
    return codes
