"""UMAP layout of a neighbour graph, and the cells that a figure shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portal_lib.errors import ShapeError

if TYPE_CHECKING:
    import scipy.sparse as sp


def draw_cells(n_cells: int, max_cells: int, seed: int = 1234) -> np.ndarray:
    """Choose the cells of a figure, the same ones for every method of a data set.

    Parameters
    ----------
    n_cells
        Number of cells.
    max_cells
        Largest number of cells to draw; with fewer all are taken.
    seed
        Seed of the sampling, which is without replacement.

    Returns
    -------
    Row numbers, increasing.
    """
    if n_cells <= max_cells:
        return np.arange(n_cells)
    return np.sort(np.random.default_rng(seed).choice(n_cells, size=max_cells, replace=False))


def umap_layout(
    connectivities: sp.spmatrix,
    *,
    embedding: np.ndarray | None = None,
    cells: np.ndarray | None = None,
    seed: int = 1234,
    min_dist: float = 0.3,
    spread: float = 1.0,
    progress: bool = False,
) -> np.ndarray:
    """Embed a neighbour graph in two dimensions with UMAP.

    Parameters
    ----------
    connectivities
        Fuzzy neighbour graph, shape (n_cells, n_cells), weights in [0, 1]: the graph that the metrics saw.
    embedding
        Coordinates that the graph was computed from, shape (n_cells, n_dims): their first two principal components
        initialise the layout. Without them it is initialised by the spectrum of the graph, or randomly where the graph
        is not connected.
    cells
        Rows to embed, from :func:`draw_cells`; all when None.
    seed
        Seed of the layout. The same seed gives the same coordinates on one machine.
    min_dist, spread
        UMAP's; the defaults are those of Portal's figures.
    progress
        Show UMAP's progress bar.

    Returns
    -------
    Coordinates, shape (len(cells), 2), float32, rows in the order of `cells`.

    Raises
    ------
    ShapeError
        The graph is not square, or the embedding has another number of rows.

    Notes
    -----
    A sample keeps edges of length one and two, so that cells connected through an omitted one stay connected. Without
    any edge all cells are at the origin.
    """
    import scipy.sparse as sp
    from umap.umap_ import find_ab_params, simplicial_set_embedding

    graph = sp.csr_matrix(connectivities, dtype=np.float32)
    _check_shapes(graph, embedding)
    if cells is not None and len(cells) < graph.shape[0]:
        embedding = None if embedding is None else np.asarray(embedding)[cells]
        graph = _sample_graph(graph, cells)
    if graph.nnz == 0:
        return np.zeros((graph.shape[0], 2), np.float32)
    a, b = find_ab_params(spread, min_dist)
    coordinates, _ = simplicial_set_embedding(
        data=embedding,
        graph=graph.tocoo(),
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=500 if graph.shape[0] <= 10_000 else 200,
        init=_start(graph, embedding, seed),
        random_state=np.random.RandomState(seed),
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        verbose=progress,
    )
    return np.asarray(coordinates, dtype=np.float32)


def _check_shapes(graph: sp.csr_matrix, embedding: np.ndarray | None) -> None:
    if graph.shape[0] != graph.shape[1]:
        raise ShapeError(f"the neighbour graph is {graph.shape}; expected as many columns as rows")
    if embedding is not None and len(embedding) != graph.shape[0]:
        raise ShapeError(f"the embedding is {np.shape(embedding)} for {graph.shape[0]} cells. Cells are rows.")


def _sample_graph(graph: sp.csr_matrix, cells: np.ndarray) -> sp.csr_matrix:
    rows = graph[cells]
    two_steps = rows @ graph[:, cells]
    two_steps.setdiag(0)
    if two_steps.nnz and two_steps.max() > 1:
        two_steps = two_steps / two_steps.max()
    sample = rows[:, cells].maximum(two_steps).tocsr()
    sample.eliminate_zeros()
    return sample


def _start(graph: sp.csr_matrix, embedding: np.ndarray | None, seed: int) -> np.ndarray | str:
    """Initial layout: principal components scaled to [-10, 10], else the name of an initialisation of UMAP."""
    from scipy.sparse.csgraph import connected_components

    if embedding is None or np.shape(embedding)[1] < 2:
        connected = connected_components(graph, directed=False, return_labels=False) == 1
        return "spectral" if connected and graph.shape[0] > 10 else "random"
    centred = np.asarray(embedding, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, :-3:-1]
    # The sign of an eigenvector is arbitrary.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    start = centred @ axes
    start = 10 * start / max(np.abs(start).max(), 1e-12)
    return (start + np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)).astype(np.float32)
