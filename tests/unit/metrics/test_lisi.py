"""Graph LISI: scib's own program, full Dijkstra and the formula are the oracles."""

import numpy as np
import pytest
from scipy import optimize, sparse
from scipy.sparse.csgraph import dijkstra
from scored_cells import GOLDEN, neighbor_graph

from portal_lib.errors import NotApplicable
from portal_lib.metrics import _lisi
from portal_lib.metrics._space import Space

CASES = ["blobs", "parts", "ring", "torus", "directed", "huge"]
TIED = {"torus"}


def golden(name):
    """Graph, categories and scib's LISI of each cell with an edge."""
    with np.load(GOLDEN / "cases.npz") as stored:
        part = {key: stored[f"{name}/{key}"] for key in ("data", "indices", "indptr", "codes", "lisi")}
    shape = (len(part["codes"]),) * 2
    graph = sparse.csr_matrix((part["data"], part["indices"], part["indptr"]), shape=shape)
    return graph, part["codes"], part["lisi"]


def lisi_per_cell(graph, codes):
    """Our LISI of each cell with an edge."""
    return 1 / _lisi.simpson(_lisi.path_neighborhoods(graph), graph, codes)[np.diff(graph.indptr) > 0]


@pytest.mark.parametrize("name", CASES)
def test_lisi_equals_scib(name):
    graph, codes, expected = golden(name)
    # Where the 90th place is shared, scib's heap chooses, and we take the expectation of a random choice.
    np.testing.assert_allclose(lisi_per_cell(graph, codes), expected, atol=0.01 if name in TIED else 5e-5)
    median = _lisi.median_lisi(Space(connectivities=graph), codes)
    assert median == pytest.approx(np.median(expected), abs=2e-3 if name in TIED else 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_stored_lisi_equals_scib_compiled_here(scib_with_lisi, golden_recipe, name):
    graph, codes, expected = golden(name)
    np.testing.assert_allclose(golden_recipe.scib_lisi(graph, codes), expected, rtol=1e-9)


@pytest.mark.parametrize("rows_each", [1, 37, 2**20])
def test_nearest_by_path_equals_full_dijkstra_for_any_chunk_size(made, monkeypatch, rows_each):
    monkeypatch.setattr(_lisi, "ROWS_EACH", rows_each)
    graph = neighbor_graph(made.embedding.astype(float))
    nearest, lengths, n_tied = _lisi.nearest_by_path(graph, 90)
    full = dijkstra(graph.astype(float))
    np.testing.assert_array_equal(np.take_along_axis(full, nearest, axis=1), lengths)
    np.fill_diagonal(full, np.inf)
    np.testing.assert_array_equal(np.sort(full, axis=1)[:, :90], lengths)
    np.testing.assert_array_equal((full == lengths[:, -1:]).sum(axis=1), n_tied)


def test_of_equal_path_lengths_the_first_rows_are_taken():
    star = sparse.csr_matrix(([1.0] * 8, ([0] * 4 + [1, 2, 3, 4], [1, 2, 3, 4] + [0] * 4)), shape=(5, 5))
    nearest, lengths, n_tied = _lisi.nearest_by_path(star, 3)
    np.testing.assert_array_equal(nearest, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]])
    np.testing.assert_array_equal(lengths[1:], [[1, 2, 2]] * 4)
    np.testing.assert_array_equal(n_tied, [4, 3, 3, 3, 3])


def knn_graph(seed=0):
    """A graph of equal weights, as some methods return it: many cells are at the same path length."""
    points = np.random.default_rng(seed).normal(size=(300, 3))
    graph = neighbor_graph(points).tolil()
    graph[graph > 0] = 1
    return graph.tocsr()


@pytest.mark.slow
def test_of_tied_cells_a_random_choice_is_averaged():
    """Oracle: the Simpson index of many random orders of the tied cells."""
    graph, codes = knn_graph(), np.sort(np.random.default_rng(1).integers(0, 3, 300))
    found = _lisi.path_neighborhoods(graph)
    assert (found.n_tied > found.n_places).mean() > 0.9
    expected = np.zeros(300)
    for seed in range(400):
        order = np.random.default_rng(seed).permutation(300)
        nearest = np.empty_like(found.nearest)
        turned = _lisi.nearest_by_path(graph[order][:, order].tocsr(), 90)[0]
        nearest[order] = order[turned]
        shares = [np.where(codes[nearest] == code, found.weights, 0).sum(axis=1) for code in range(3)]
        expected += (np.array(shares) ** 2).sum(axis=0) / 400
    np.testing.assert_allclose(_lisi.simpson(found, graph, codes), expected, atol=0.004)


def test_lisi_of_a_graph_of_equal_weights_does_not_depend_on_the_order_of_rows():
    graph, codes = knn_graph(), np.sort(np.random.default_rng(1).integers(0, 3, 300))
    order = np.random.default_rng(2).permutation(300)
    turned = lisi_per_cell(graph[order][:, order].tocsr(), codes[order])
    np.testing.assert_allclose(turned, lisi_per_cell(graph, codes)[order], rtol=1e-12)


def test_entropy_weights_have_the_given_entropy():
    lengths = np.sort(np.random.default_rng(0).uniform(0.1, 2, (20, 90)), axis=1)
    weights = _lisi.entropy_weights(lengths, np.log(30))

    def excess(beta, row):
        share = np.exp(-beta * row) / np.exp(-beta * row).sum()
        return -(share * np.log(share)).sum() - np.log(30)

    for row, weight in zip(lengths, weights, strict=True):
        beta = optimize.brentq(excess, 1e-6, 1e2, args=(row,), xtol=1e-12)
        np.testing.assert_allclose(weight, np.exp(-beta * row) / np.exp(-beta * row).sum(), atol=1e-5)


def test_lisi_is_2_for_mixed_and_1_for_pure_neighborhoods():
    graph, _, _ = golden("ring")
    space = Space(connectivities=graph)
    assert _lisi.median_lisi(space, np.arange(200) % 2) == pytest.approx(2, abs=0.02)
    assert _lisi.median_lisi(space, np.zeros(200, dtype=int)) == pytest.approx(1)


def test_lisi_does_not_apply_where_no_cell_reaches_90_others(made):
    with pytest.raises(NotApplicable, match="no cell reaches 90 others"):
        _lisi.median_lisi(Space(made.embedding[:90]), np.arange(90) % 2)
