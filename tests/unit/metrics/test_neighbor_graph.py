"""The neighbour graph: scanpy is the oracle."""

import numpy as np
import pytest
from scib_oracle import as_anndata
from scored_cells import REAL_NAMES, embeddings, made_cells

from portal_lib.metrics import _neighbors
from portal_lib.metrics._graph import graph_of_neighbors, load_graph, neighbor_graph, save_graph
from portal_lib.metrics._neighbors import exact_neighbors, nearest_neighbors
from portal_lib.metrics._space import Space


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


@pytest.mark.parametrize("n_neighbors", [5, 15, 50])
def test_neighbours_found_once_and_cut_are_those_found_by_themselves(made, n_neighbors):
    embedding = made.embedding.astype(float)
    wide = nearest_neighbors(embedding, 60)
    indices, distances = exact_neighbors(embedding, n_neighbors)
    np.testing.assert_array_equal(wide.cut(n_neighbors)[0], indices)
    np.testing.assert_array_equal(wide.cut(n_neighbors)[1], distances)
    assert abs(graph_of_neighbors(wide, n_neighbors) - neighbor_graph(embedding, n_neighbors)).max() == 0


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL_NAMES)
def test_exact_neighbours_are_those_of_all_distances(real, name):
    embedding = real(name).embedding.astype(float)
    indices, distances = exact_neighbors(embedding, 50)
    squares = ((embedding[::97, None] - embedding[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances[::97], np.sqrt(np.sort(squares)[:, :50]), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(indices[:, 0], np.arange(len(embedding)))


def test_a_space_says_how_its_neighbours_were_found(made):
    space = Space(made.embedding)
    assert space.neighbor_facts == {}
    assert space.connectivities.nnz > 0
    assert space.neighbor_facts == {"search": "exact", "n_neighbors": 50}
    assert Space(connectivities=space.connectivities).neighbor_facts == {"search": "given"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaWarning")
def test_approximate_neighbours_have_their_recall_measured(monkeypatch):
    monkeypatch.setattr(_neighbors, "RECALL_CELLS", 3000)
    embedding = made_cells(3000).embedding.astype(float)
    exact, _ = exact_neighbors(embedding, 50)
    found = nearest_neighbors(embedding, 50, exact_cells=2999)
    recall = np.mean([len(np.intersect1d(*pair)) / 50 for pair in zip(exact, found.indices, strict=True)])
    assert found.facts["recall"] == pytest.approx(recall)
    assert found.facts["search"] == "approximate"
    assert found.facts["recall_cells"] == 3000
    assert recall > 0.98
    graph = graph_of_neighbors(found)
    assert abs(graph - neighbor_graph(embedding)).mean() < 0.02 * graph.mean()
    assert (np.diff(found.distances) >= 0).all()


def test_recall_is_the_share_of_true_neighbours(made):
    embedding = made.embedding.astype(float)
    exact, _ = exact_neighbors(embedding, 10)
    assert _neighbors.recall_of(embedding, exact)["recall"] == 1
    spoilt = exact.copy()
    spoilt[:, 5:] = -1
    assert _neighbors.recall_of(embedding, spoilt) == {"recall": 0.5, "recall_cells": 400, "recall_seed": 0}
