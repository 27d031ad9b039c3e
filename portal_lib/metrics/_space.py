"""What a metric is given: the integrated space, and the truth about its cells."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy import sparse

from portal_lib.errors import DataError, NotApplicable, ShapeError
from portal_lib.metrics import _clusters, _distances, _gpu, _graph, _kbet, _lisi, _neighbors

# What kBET's graph wants, the widest of them.
MOST_NEIGHBORS = 50


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
    expression
        Log-normalised counts before integration and the names of their genes: a pair of a matrix, shape (n_cells,
        n_genes), sparse or dense, and a sequence of names; or a function without arguments that gives the pair, called
        when a metric first asks; or None.
    corrected
        The expression that a method gives, as `expression`; its genes are some or all of those; or None.
    pseudotime
        Known position of each cell on its trajectory, shape (n_cells,), from 0, NaN where it has none; or None.
    organism
        ``"human"``, ``"mouse"`` or another name; or None.
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

    def __init__(
        self,
        embedding=None,
        *,
        connectivities=None,
        before=None,
        expression=None,
        corrected=None,
        pseudotime=None,
        organism=None,
        seed=0,
    ):
        self._embedding = None if embedding is None else _coordinates(embedding, "the embedding")
        self._before = None if before is None else _coordinates(before, "the uncorrected embedding")
        self._given_graph = None if connectivities is None else _weights(connectivities)
        self._expression, self._corrected = expression, corrected
        self._pseudotime = None if pseudotime is None else _times(pseudotime)
        self._organism, self._seed = organism, seed
        self._sums = None
        sizes = {len(part) for part in (self._embedding, self._before, self._pseudotime) if part is not None}
        if self._given_graph is not None:
            sizes.add(self._given_graph.shape[0])
        if self._embedding is None and self._given_graph is None:
            raise DataError("neither an embedding nor a neighbour graph to score")
        if len(sizes) > 1:
            raise ShapeError(f"embedding, graph, uncorrected embedding and pseudotime differ in cells: {sorted(sizes)}")
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
    def expression(self):
        """Log-normalised counts before integration, :class:`Expression`; NotApplicable without them."""
        if self._expression is None:
            raise NotApplicable("no expression before integration to compare with")
        return _expression(self._expression, "the expression", self.n_cells)

    @cached_property
    def corrected(self):
        """The expression that the method gives, :class:`Expression`; NotApplicable without it."""
        if self._corrected is None:
            raise NotApplicable("the method gives no corrected expression")
        return _expression(self._corrected, "the corrected expression", self.n_cells)

    @property
    def pseudotime(self):
        """Known pseudotime, shape (n_cells,), float64, NaN where there is none; NotApplicable without it."""
        if self._pseudotime is None:
            raise NotApplicable("the data set has no pseudotime")
        return self._pseudotime

    @property
    def organism(self):
        """Name of the organism; NotApplicable if it is not stated."""
        if self._organism is None:
            raise NotApplicable("the organism is not stated")
        return self._organism

    @cached_property
    def neighbors(self):
        """The 50 nearest cells of each, :class:`~portal_lib.metrics._neighbors.Neighbors`, found once."""
        return _neighbors.nearest_neighbors(self.embedding, MOST_NEIGHBORS)

    @property
    def neighbor_facts(self):
        """How neighbours were found: `facts` of :class:`~portal_lib.metrics._neighbors.Neighbors`, of a graph that was
        given ``{"search": "given"}``, and an empty dictionary if none were needed yet."""
        if "neighbors" in self.__dict__:
            return self.neighbors.facts
        return {} if self._given_graph is None else {"search": "given"}

    @cached_property
    def connectivities(self):
        """The neighbour graph, shape (n_cells, n_cells), CSR; NotApplicable if it has no edges."""
        graph = self._given_graph
        if graph is None:
            graph = _graph.graph_of_neighbors(self.neighbors)
        if graph.nnz == 0:
            raise NotApplicable("the neighbour graph has no edges")
        return graph

    @cached_property
    def wide_connectivities(self):
        """The graph of 50 neighbours; where a method gives a graph alone that graph, diffused until it has as many."""
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
        """The 90 nearest others of each cell by path and their weights, as graph LISI needs them."""
        return _lisi.path_neighborhoods(self.connectivities)

    def clusters(self, label):
        """The clustering that agrees best with the labels by NMI, integer codes, shape (n_cells,)."""
        return _clusters.best_clustering(self.clusterings, label)

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

    @property
    def codes(self):
        """Label and batch codes, zeros for what is not known, shape (n_cells,) both."""
        nothing = np.zeros(self.n_cells, np.int64)
        return tuple(nothing if codes is None else codes for codes in (self._label, self._batch))


def _expression(given, name, n_cells):
    """Values and names of genes, checked."""
    values, genes = given() if callable(given) else given
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
    """Pseudotime as float64; NaN stays, infinity is an error."""
    pseudotime = np.asarray(pseudotime, dtype=np.float64)
    if pseudotime.ndim != 1:
        raise ShapeError(f"the pseudotime has shape {pseudotime.shape}; expected (n_cells,)")
    if np.isinf(pseudotime).any():
        raise DataError("the pseudotime has infinite values; NaN stands for a cell without one")
    return pseudotime


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
