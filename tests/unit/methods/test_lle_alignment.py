import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.manifold import LocallyLinearEmbedding
from task_inputs import aligned, foscttm, reason, task_input_of

from portal_lib.methods.align import lle_alignment
from portal_lib.methods.align.lle_alignment import (
    connected_neighbors,
    joint_matrix,
    reconstruction_weights,
    smallest_eigenvectors,
)

N = 600


def sheet(seed):
    """A curved sheet in three dimensions, and the two coordinates on it."""
    u = np.random.default_rng(seed).uniform(size=(N, 2))
    return np.column_stack([3 * u[:, 0], 2 * u[:, 1], np.sin(3 * u[:, 0])]), u


def rotated(x, seed):
    """A rotated copy with 1 % noise, in another order; and the row of each cell in it."""
    rng = np.random.default_rng(seed + 100)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    copy = x @ turn
    copy += 0.01 * copy.std(axis=0) * rng.standard_normal(copy.shape)
    order = rng.permutation(N)
    return copy[order], np.argsort(order)


def told(partner, p, seed):
    """Pairs of `p` cells, and the other cells."""
    rows = np.random.default_rng(seed + 200).choice(len(partner), p, replace=False)
    return [(i, partner[i]) for i in rows], np.setdiff1d(np.arange(len(partner)), rows)


@pytest.mark.parametrize("seed", range(3))
def test_it_recovers_a_rotated_copy_of_a_curved_manifold_from_ten_pairs(seed):
    x1, _ = sheet(seed)
    x2, partner = rotated(x1, seed)
    pairs, rest = told(partner, 10, seed)
    result = aligned("lle_alignment", task_input_of(x1, x2, pairs=pairs), n_components=2)
    assert foscttm(result.z1[rest], result.z2[partner][rest]) < 0.02
    assert foscttm(result.x12[rest], x2[partner][rest]) < 0.02
    back = np.argsort(partner)
    assert foscttm(result.x21, x1[back]) < 0.02


@pytest.mark.parametrize(("p", "d", "low", "high"), [(10, 2, 0, 0.02), (50, 2, 0, 0.005), (10, 10, 0.1, 0.4)])
def test_one_sheet_seen_in_three_and_in_four_dimensions_is_found_with_few_coordinates(p, d, low, high):
    """As measured before: 0.009 and 0.004 with two coordinates, 0.24 with as many as the pairs allow."""
    x1, u = sheet(0)
    x2 = np.column_stack([np.cos(2 * u[:, 0]), np.sin(2 * u[:, 0]), 1.5 * u[:, 1], u[:, 1] ** 2])
    pairs, rest = told(np.arange(N), p, 0)
    result = aligned("lle_alignment", task_input_of(x1, x2, pairs=pairs), n_components=d)
    assert low <= foscttm(result.z1[rest], result.z2[rest]) < high


def test_wrong_pairs_align_nothing():
    x1, _ = sheet(0)
    x2, partner = rotated(x1, 0)
    pairs, rest = told(np.random.default_rng(5).permutation(N), 10, 0)
    result = aligned("lle_alignment", task_input_of(x1, x2, pairs=pairs), n_components=2)
    assert foscttm(result.z1[rest], result.z2[partner][rest]) > 0.2


def test_known_pairs_are_one_point_and_coordinates_have_variance_one():
    x1, _ = sheet(1)
    x2, partner = rotated(x1, 1)
    pairs, _ = told(partner, 10, 1)
    result = aligned("lle_alignment", task_input_of(x1, x2, pairs=pairs))
    first, second = np.array(pairs).T
    np.testing.assert_array_equal(result.z1[first], result.z2[second])
    assert result.z1.shape == result.z2.shape == (N, 5)
    both = np.concatenate([result.z1, result.z2])
    np.testing.assert_allclose(both.std(axis=0), 1, atol=0.05)
    assert np.abs(np.corrcoef(both.T) - np.eye(5)).max() < 0.1


def test_with_every_cell_known_twice_it_is_the_embedding_of_scikit_learn():
    """Two equal domains, all pairs tied: K is twice M."""
    x, _ = sheet(2)
    x = x[:200]
    task_input = task_input_of(x, x, pairs=[(i, i) for i in range(200)], standardise=False)
    ours = aligned("lle_alignment", task_input, n_neighbors=12, n_components=3).z1
    theirs = LocallyLinearEmbedding(n_neighbors=12, n_components=3, reg=1e-3, eigen_solver="dense").fit_transform(x)
    for a, b in zip(ours.T, theirs.T, strict=True):
        assert abs(np.corrcoef(a, b)[0, 1]) > 0.9999


def weights_of(n, d, k, seed):
    x = np.random.default_rng(seed).standard_normal((n, d))
    near = connected_neighbors(x, k)
    return x, near, reconstruction_weights(x, near)


def test_weights_are_those_of_the_formula_cell_by_cell(monkeypatch):
    monkeypatch.setattr(lle_alignment, "CHUNK", 7)
    x, near, weights = weights_of(40, 3, 6, 0)
    for i in range(40):
        z = x[near[i]] - x[i]
        c = z @ z.T
        w = np.linalg.solve(c + 1e-3 * np.trace(c) * np.eye(6), np.ones(6))
        np.testing.assert_allclose(weights[[i]].toarray()[0, near[i]], w / w.sum(), rtol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights.nnz == 240


def test_the_joint_matrix_is_that_of_the_blocks():
    """Unknowns in the order pairs P, rest of domain 1, rest of domain 2 (both U)."""
    (_, _, w1), (_, _, w2) = weights_of(30, 3, 6, 0), weights_of(25, 4, 6, 1)
    pairs = [(4, 20), (11, 3), (0, 7)]
    matrix, place = joint_matrix(w1, w2, pairs)
    m1, m2 = ((np.eye(len(w)) - w).T @ (np.eye(len(w)) - w) for w in (w1.toarray(), w2.toarray()))
    p1, p2 = np.array(pairs).T
    u1, u2 = np.setdiff1d(np.arange(30), p1), np.setdiff1d(np.arange(25), p2)
    expected = np.block(
        [
            [m1[np.ix_(p1, p1)] + m2[np.ix_(p2, p2)], m1[np.ix_(p1, u1)], m2[np.ix_(p2, u2)]],
            [m1[np.ix_(u1, p1)], m1[np.ix_(u1, u1)], np.zeros((27, 22))],
            [m2[np.ix_(u2, p2)], np.zeros((22, 27)), m2[np.ix_(u2, u2)]],
        ]
    )
    order = np.concatenate([place[p1], place[u1], place[30 + u2]])
    np.testing.assert_array_equal(place[p1], place[30 + p2])
    np.testing.assert_allclose(matrix.toarray()[np.ix_(order, order)], expected, atol=1e-9)


def test_a_cell_with_two_partners_ties_all_three():
    (_, _, w1), (_, _, w2) = weights_of(30, 3, 6, 0), weights_of(25, 4, 6, 1)
    matrix, place = joint_matrix(w1, w2, [(4, 20), (4, 3)])
    assert place[4] == place[30 + 20] == place[30 + 3]
    assert matrix.shape == (53, 53)


def test_many_cells_have_the_eigenvectors_of_few(monkeypatch):
    (_, _, w1), (_, _, w2) = weights_of(150, 3, 10, 0), weights_of(140, 3, 10, 1)
    matrix, _ = joint_matrix(w1, w2, [(i, i) for i in range(12)])
    values, vectors = smallest_eigenvectors(matrix, 4)
    monkeypatch.setattr(lle_alignment, "DENSE", 10)
    sparse_values, sparse_vectors = smallest_eigenvectors(matrix, 4)
    np.testing.assert_allclose(sparse_values, values, rtol=1e-5)
    np.testing.assert_allclose(sparse_vectors, vectors, atol=1e-5)
    assert (np.diff(values) > 0).all()
    np.testing.assert_allclose(vectors.sum(axis=0), 0, atol=1e-6)


def test_neighbours_are_raised_until_the_graph_is_connected_and_no_further():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((12, 2)), rng.standard_normal((40, 2)) + 30])
    near = connected_neighbors(x, 5)
    assert near.shape == (52, 12)
    assert connected_neighbors(x, 20).shape == (52, 20)
    assert not (near == np.arange(52)[:, None]).any()


def test_a_domain_in_parts_is_refused_with_the_number_of_parts():
    x1, _ = sheet(0)
    x2 = np.concatenate([x1[:300], x1[300:] + 1000])
    text = reason("lle_alignment", task_input_of(x1, x2, pairs=[(i, i) for i in range(10)]))
    assert text == "the 100 nearest neighbours leave domain 2 in 2 parts"


@pytest.mark.parametrize("pairs", [[], [(3, 3)]])
def test_with_one_pair_or_none_it_does_not_apply(pairs):
    x1, _ = sheet(0)
    assert reason("lle_alignment", task_input_of(x1, x1, pairs=pairs)).startswith(f"known pairs: {len(pairs)};")


def test_coordinates_are_one_less_than_pairs_at_most():
    x1, _ = sheet(0)
    result = aligned("lle_alignment", task_input_of(x1, x1, pairs=[(i, i) for i in range(3)]), n_components=5)
    assert result.z1.shape == (N, 2)
    assert result.notes["n_components"] == 2


def test_predictions_are_means_of_the_nearest_real_cells():
    x1, _ = sheet(0)
    x2, partner = rotated(x1, 0)
    pairs, _ = told(partner, 10, 0)
    result = aligned("lle_alignment", task_input_of(x1, x2, pairs=pairs), n_components=2, n_predict=3)
    distances = ((result.z1[:, None].astype(np.float64) - result.z2[None]) ** 2).sum(axis=2)
    expected = x2[np.argsort(distances, axis=1)[:, :3]].mean(axis=1)
    close = np.isclose(result.x12, expected, atol=1e-4).all(axis=1)
    assert close.mean() > 0.99
    assert sp.issparse(reconstruction_weights(x1, connected_neighbors(x1, 5)))
