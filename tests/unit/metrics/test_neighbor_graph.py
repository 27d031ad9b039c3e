"""The neighbour graph: scanpy is the oracle."""

import numpy as np
import pytest
from scib_oracle import as_anndata
from scored_cells import REAL_NAMES, embeddings, made_cells

from portal_lib.metrics._graph import _approximate_neighbors, _exact_neighbors, load_graph, neighbor_graph, save_graph


def assert_equal_graphs(ours, scanpy_graph):
    """Same edges, and weights within the tolerance of UMAP's bisection."""
    assert (ours != 0).nnz == (scanpy_graph != 0).nnz
    assert abs(ours - scanpy_graph).max() < 1e-5


def test_made_cells_are_joined_as_by_scanpy(made):
    graph = as_anndata(made, made.embedding).obsp["connectivities"]
    assert_equal_graphs(neighbor_graph(made.embedding.astype(float)), graph)


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL_NAMES)
def test_real_cells_are_joined_as_by_scanpy(real, name):
    cells = real(name)
    for embedding in embeddings(cells).values():
        graph = as_anndata(cells, embedding).obsp["connectivities"]
        assert_equal_graphs(neighbor_graph(embedding.astype(float)), graph)


@pytest.mark.parametrize("n_cells", [2, 3, 14, 15, 16])
def test_few_cells_are_joined_as_by_scanpy(n_cells):
    cells = made_cells(n_cells)
    graph = as_anndata(cells, cells.embedding).obsp["connectivities"]
    assert_equal_graphs(neighbor_graph(cells.embedding.astype(float)), graph)


def test_the_graph_is_symmetric_in_0_to_1_without_a_diagonal(made):
    graph = neighbor_graph(made.embedding.astype(float))
    assert abs(graph - graph.T).max() == 0
    assert graph.data.min() > 0
    assert graph.data.max() <= 1
    assert not graph.diagonal().any()
    assert graph.dtype == np.float32


def test_every_cell_has_an_edge_of_weight_1(made):
    graph = neighbor_graph(made.embedding.astype(float))
    np.testing.assert_allclose(graph.max(axis=1).toarray().ravel(), 1)


def test_copies_of_a_cell_leave_a_finite_graph(made):
    embedding = np.repeat(made.embedding[:20].astype(float), 30, axis=0)
    graph = neighbor_graph(embedding)
    assert np.isfinite(graph.data).all()
    assert graph.data.min() > 0


def test_a_graph_is_read_as_it_was_written(made, tmp_path):
    graph = neighbor_graph(made.embedding.astype(float))
    save_graph(graph, tmp_path / "neighbors.npz")
    again = load_graph(tmp_path / "neighbors.npz")
    assert (graph != again).nnz == 0
    assert again.format == "csr"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaWarning")
def test_approximate_neighbors_find_nearly_all_exact_ones():
    embedding = made_cells(3000).embedding.astype(float)
    exact, _ = _exact_neighbors(embedding, 15)
    found, distances = _approximate_neighbors(embedding, 15)
    recall = np.mean([len(np.intersect1d(one, other)) / 15 for one, other in zip(exact, found, strict=True)])
    assert recall > 0.98
    graph = neighbor_graph(embedding, exact_cells=1000)
    assert abs(graph - neighbor_graph(embedding)).mean() < 0.02 * graph.mean()
    assert (np.diff(distances) >= 0).all()
