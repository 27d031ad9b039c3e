import numpy as np
import pytest
from scipy.sparse.csgraph import floyd_warshall
from task_inputs import aligned, foscttm, reason, task_input_of

from portal_lib.errors import DivergedError
from portal_lib.methods.align.gromov_wasserstein import couple, path_lengths, unit_rows

N = 120


def tree(seed=1):
    """Cells on three arms of lengths 1, 2 and 4 that meet in a point."""
    rng = np.random.default_rng(seed)
    arm = rng.choice(3, N, p=[1 / 7, 2 / 7, 4 / 7])
    cells = np.zeros((N, 3))
    cells[np.arange(N), arm] = rng.uniform(size=N) * np.array([1, 2, 4])[arm]
    return cells


def seen(cells, d, seed):
    """The same cells in d features, with noise."""
    rng = np.random.default_rng(seed)
    return cells @ rng.standard_normal((3, d)) + 0.05 * rng.standard_normal((len(cells), d))


def two_trees():
    """Two measurements of one tree, the second in another order, and the row of each cell in it."""
    order = np.random.default_rng(3).permutation(N)
    return seen(tree(), 12, 11), seen(tree(), 15, 21)[order], np.argsort(order)


def test_a_branching_manifold_is_matched_without_known_pairs():
    x1, x2, partner = two_trees()
    result = aligned("gromov_wasserstein", task_input_of(x1, x2), n_neighbors=20, epsilon=0.005)
    assert foscttm(result.x12, x2[partner]) < 0.1
    assert foscttm(result.x21, x1[np.argsort(partner)]) < 0.1
    assert result.notes["n_coupled"] == [N, N]
    assert result.notes["n_graph_parts"] == [1, 1]
    assert result.notes["marginal_error"] < 0.05


def branch(seed, n=177):
    """Cells along a path that divides at its middle, as in scGEM: 34 and 27 features, with noise; row i is one cell."""
    rng = np.random.default_rng(seed)
    time = rng.beta(1, 1.3, n)
    side, late = rng.random(n) < 0.45, time > 0.5
    cells = np.column_stack([time, 1.6 * (time - 0.5) * (side & late), 0.9 * (time - 0.5) * (~side & late)])
    return [np.tanh(1.5 * cells @ rng.normal(size=(3, d))) + 0.25 * rng.normal(size=(n, d)) for d in (34, 27)]


@pytest.mark.slow
def test_the_search_over_k_finds_what_one_k_mirrors():
    x1, x2 = branch(7)
    task_input = task_input_of(x1, x2)
    alone = aligned("gromov_wasserstein", task_input, n_neighbors=20, epsilon=0.01)
    assert foscttm(alone.x12, x2) > 0.6
    result = aligned("gromov_wasserstein", task_input, search_epsilon=[0.005, 0.01])
    assert foscttm(result.x12, x2) < 0.15
    tried = [(one["n_neighbors"], one["epsilon"]) for one in result.notes["searched"]]
    losses = [one["gw_loss"] for one in result.notes["searched"]]
    # k is at most a fifth of the cells; the largest epsilon is the first.
    ks = [10, 15, 20, 25, 35]
    assert tried == [*((k, 0.01) for k in ks), (ks[np.argmin(losses[:5])], 0.005)]
    assert losses[2] == alone.notes["gw_loss"]
    assert (result.notes["n_neighbors"], result.notes["epsilon"]) == tried[np.argmin(losses)]
    assert result.notes["gw_loss"] == min(losses)


def test_the_result_of_a_search_is_that_of_the_values_it_chose():
    x1, x2, _ = two_trees()
    task_input = task_input_of(x1, x2)
    found = aligned("gromov_wasserstein", task_input, search_neighbors=[8, 20], search_epsilon=[0.02])
    again = aligned("gromov_wasserstein", task_input, n_neighbors=found.notes["n_neighbors"], epsilon=0.02)
    assert found.x12.tobytes() == again.x12.tobytes()
    assert again.notes["searched"] == [
        one for one in found.notes["searched"] if one["gw_loss"] == found.notes["gw_loss"]
    ]


def test_values_without_a_finite_coupling_are_passed_over():
    x1, x2, _ = two_trees()
    settings = {"n_neighbors": 20, "search_epsilon": [0.05, 1e-7], "max_iter": 3}
    notes = aligned("gromov_wasserstein", task_input_of(x1, x2), **settings).notes
    assert notes["epsilon"] == 0.05
    assert [(one["epsilon"], one["gw_loss"] is None) for one in notes["searched"]] == [(0.05, False), (1e-7, True)]


def test_many_cells_are_predicted_from_a_coupled_sample():
    x1, x2, _ = two_trees()
    task_input = task_input_of(x1, x2[:90])
    results = [
        aligned("gromov_wasserstein", task_input, seed, max_cells=100, n_neighbors=16, epsilon=0.005) for seed in (0, 5)
    ]
    assert results[0].x12.tobytes() == results[1].x12.tobytes()
    assert results[0].notes["n_coupled"] == [100, 90]
    rows = np.sort(np.random.default_rng(0).permutation(N)[:100])
    scaled = unit_rows((x1 - x1.mean(axis=0)) / x1.std(axis=0))
    near = np.argsort(-(scaled @ scaled[rows].T), axis=1)[:, :5]
    others = np.setdiff1d(np.arange(N), rows)
    expected = results[0].x12[rows][near].mean(axis=1)
    np.testing.assert_allclose(results[0].x12[others], expected[others], atol=1e-4)


def test_path_lengths_are_those_of_the_graph_divided_by_the_longest():
    x = unit_rows(np.random.default_rng(0).standard_normal((N, 6)))
    lengths, parts = path_lengths(x, 6)
    near = np.argsort(-(x @ x.T), axis=1)[:, :6]
    graph = np.full((N, N), np.inf)
    for i in range(N):
        graph[i, near[i]] = graph[near[i], i] = 1
    np.fill_diagonal(graph, 0)
    expected = floyd_warshall(graph)
    assert parts == 1
    np.testing.assert_allclose(lengths, expected / expected.max())


def test_components_of_a_graph_are_as_far_apart_as_its_longest_path():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(c, 0.1, (30, 6)) for c in (rng.normal(0, 5, 6), rng.normal(0, 5, 6))])
    lengths, parts = path_lengths(unit_rows(x), 4)
    assert parts == 2
    assert (lengths[:30, 30:] == 1).all()
    assert lengths[:30, :30].max() == 1 or lengths[30:, 30:].max() == 1
    np.testing.assert_array_equal(lengths, lengths.T)
    np.testing.assert_array_equal(np.diag(lengths), 0)


def test_scale_and_shift_of_a_cell_do_not_matter_and_constant_cells_are_zero():
    x = np.random.default_rng(0).standard_normal((20, 6))
    rows = unit_rows(3 * x + 5)
    np.testing.assert_allclose(rows, unit_rows(x), atol=1e-12)
    np.testing.assert_allclose(rows @ rows.T, np.corrcoef(x), atol=1e-12)
    assert (unit_rows(np.full((2, 6), 7.0)) == 0).all()


def test_the_coupling_has_the_weights_of_the_cells_and_finds_a_relabelled_space():
    rng = np.random.default_rng(0)
    points = rng.exponential(size=(25, 1))
    c1 = np.abs(points - points.T)
    order = rng.permutation(25)
    coupling, notes = couple(c1 / c1.max(), c1[np.ix_(order, order)] / c1.max(), 1e-3, 500)
    np.testing.assert_allclose(coupling.sum(axis=0), 1 / 25, rtol=0.05)
    np.testing.assert_allclose(coupling.sum(axis=1), 1 / 25, rtol=0.05)
    assert (order[coupling.argmax(axis=1)] == np.arange(25)).mean() > 0.5
    expected = notes["gw_loss"]
    cost = (c1 / c1.max()) ** 2
    other = cost[np.ix_(order, order)]
    p, q = coupling.sum(axis=1), coupling.sum(axis=0)
    cross = (c1 / c1.max()) @ coupling @ (c1[np.ix_(order, order)] / c1.max())
    loss = (cost * np.outer(p, p)).sum() + (other * np.outer(q, q)).sum() - 2 * (cross * coupling).sum()
    assert expected == pytest.approx(loss, rel=0.05, abs=1e-4)


def test_predictions_are_means_of_real_cells():
    x1, x2, _ = two_trees()
    result = aligned("gromov_wasserstein", task_input_of(x1, x2), n_neighbors=20, epsilon=0.05, max_iter=5)
    assert (result.x12 >= x2.min(axis=0) - 1e-5).all()
    assert (result.x12 <= x2.max(axis=0) + 1e-5).all()


def test_a_too_small_epsilon_raises_one_message():
    x1, x2, _ = two_trees()
    with pytest.raises(DivergedError, match="Raise epsilon"):
        aligned("gromov_wasserstein", task_input_of(x1, x2), n_neighbors=20, epsilon=1e-7, max_iter=3)


def test_two_features_or_a_few_cells_are_refused():
    x1, x2, _ = two_trees()
    assert "three features" in reason("gromov_wasserstein", task_input_of(x1[:, :2], x2))
    assert "ten cells" in reason("gromov_wasserstein", task_input_of(x1[:9], x2))
