"""The neighbour graph: scanpy is the oracle."""

import numpy as np
import pytest
from scib_oracle import as_anndata
from scored_cells import REAL_NAMES, embeddings, made_cells, neighbor_graph

from portal_lib.metrics import _neighbors
from portal_lib.metrics._graph import graph_of_neighbors
from portal_lib.metrics._neighbors import exact_neighbors, nearest_neighbors
from portal_lib.metrics._space import Space


def assert_equal_graphs(ours, scanpy_graph):
    """Same edges, and weights within the tolerance of UMAP's bisection."""
    assert (ours != 0).nnz == (scanpy_graph != 0).nnz
    assert abs(ours - scanpy_graph).max() < 1e-5


@pytest.mark.slow
def test_graph_of_made_cells_equals_scanpy(made):
    graph = as_anndata(made, made.embedding).obsp["connectivities"]
    assert_equal_graphs(neighbor_graph(made.embedding.astype(float)), graph)


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL_NAMES)
def test_graph_of_real_cells_equals_scanpy(real, name):
    cells = real(name)
    for embedding in embeddings(cells).values():
        graph = as_anndata(cells, embedding).obsp["connectivities"]
        assert_equal_graphs(neighbor_graph(embedding.astype(float)), graph)


@pytest.mark.slow
@pytest.mark.parametrize("n_cells", [2, 3, 14, 15, 16])
def test_graph_of_few_cells_equals_scanpy(n_cells):
    cells = made_cells(n_cells)
    graph = as_anndata(cells, cells.embedding).obsp["connectivities"]
    assert_equal_graphs(neighbor_graph(cells.embedding.astype(float)), graph)


def test_graph_is_symmetric_with_weights_in_0_to_1_and_no_diagonal(made):
    graph = neighbor_graph(made.embedding.astype(float))
    assert abs(graph - graph.T).max() == 0
    assert graph.data.min() > 0
    assert graph.data.max() <= 1
    assert not graph.diagonal().any()
    assert graph.dtype == np.float32


def test_every_cell_has_an_edge_of_weight_1(made):
    graph = neighbor_graph(made.embedding.astype(float))
    np.testing.assert_allclose(graph.max(axis=1).toarray().ravel(), 1)


def test_graph_of_copied_cells_is_finite(made):
    embedding = np.repeat(made.embedding[:20].astype(float), 30, axis=0)
    graph = neighbor_graph(embedding)
    assert np.isfinite(graph.data).all()
    assert graph.data.min() > 0


@pytest.mark.parametrize("n_neighbors", [5, 15, 50])
def test_the_first_neighbours_do_not_depend_on_how_many_are_found(made, n_neighbors):
    embedding = made.embedding.astype(float)
    wide = nearest_neighbors(embedding, 60)
    indices, distances = exact_neighbors(embedding, n_neighbors)
    np.testing.assert_array_equal(wide.cut(n_neighbors)[0], indices)
    np.testing.assert_array_equal(wide.cut(n_neighbors)[1], distances)
    assert abs(graph_of_neighbors(wide, n_neighbors) - neighbor_graph(embedding, n_neighbors)).max() == 0


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL_NAMES)
def test_exact_neighbours_equal_all_pairwise_distances(real, name):
    embedding = real(name).embedding.astype(float)
    indices, distances = exact_neighbors(embedding, 50)
    squares = ((embedding[::97, None] - embedding[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances[::97], np.sqrt(np.sort(squares)[:, :50]), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(indices[:, 0], np.arange(len(embedding)))


def test_neighbor_facts_state_how_neighbours_were_found(made):
    space = Space(made.embedding)
    assert space.neighbor_facts == {}
    assert space.connectivities.nnz > 0
    assert space.neighbor_facts == {"search": "exact", "n_neighbors": 50}
    assert Space(connectivities=space.connectivities).neighbor_facts == {"search": "given"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaWarning")
def test_recall_of_approximate_neighbours_is_measured(monkeypatch):
    monkeypatch.setattr(_neighbors, "RECALL_CELLS", 3000)
    monkeypatch.setattr(_neighbors, "EXACT_CELLS", 2999)
    embedding = made_cells(3000).embedding.astype(float)
    exact, _ = exact_neighbors(embedding, 50)
    found = nearest_neighbors(embedding, 50)
    recall = np.mean([len(np.intersect1d(*pair)) / 50 for pair in zip(exact, found.indices, strict=True)])
    assert found.facts["recall"] == pytest.approx(recall)
    assert found.facts["search"] == "approximate"
    assert found.facts["recall_cells"] == 3000
    assert recall > 0.98
    graph = graph_of_neighbors(found)
    monkeypatch.setattr(_neighbors, "EXACT_CELLS", 3000)
    assert abs(graph - neighbor_graph(embedding)).mean() < 0.02 * graph.mean()
    assert (np.diff(found.distances) >= 0).all()


def test_recall_is_the_share_of_true_neighbours(made):
    embedding = made.embedding.astype(float)
    exact, _ = exact_neighbors(embedding, 10)
    assert _neighbors.recall_of(embedding, exact)["recall"] == 1
    spoilt = exact.copy()
    spoilt[:, 5:] = -1
    assert _neighbors.recall_of(embedding, spoilt) == {"recall": 0.5, "recall_cells": 400, "recall_seed": 0}
