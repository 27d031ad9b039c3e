import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import cdist
from task_inputs import aligned, correlations, reason, task_input_of

from portal_lib.benchmark import registry
from portal_lib.datasets.align import cytof_panels
from portal_lib.errors import NotApplicable
from portal_lib.methods.align._scaling import scaled, scales
from portal_lib.methods.align.quantile_knn import quantile_mapped
from portal_lib.preparation.domains import Correspondence, Domains, TaskInput, Truth

REGRESSIONS = ["ridge", "knn_regression", "boosted_trees"]
USE_TRUTH = ["true_partner", "ridge_all_pairs"]
OTHERS = ["random_pairing", "mean_predictor", "procrustes", "lle_alignment", "gromov_wasserstein", "quantile_knn"]
EVERY = REGRESSIONS + USE_TRUTH + OTHERS
# Parameters that make the tests fast.
QUICK = {"gromov_wasserstein": {"max_iter": 3, "n_neighbors": 20, "epsilon": 0.05}, "boosted_trees": {"max_iter": 10}}


def two_sides(n=120, seed=0):
    """Two linear measurements of three hidden variables, 5 and 4 features, with noise; row i is one cell in both."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 3))
    x1 = hidden @ rng.standard_normal((3, 5)) + 0.1 * rng.standard_normal((n, 5)) + 3
    x2 = 10 * (hidden @ rng.standard_normal((3, 4)) + 0.1 * rng.standard_normal((n, 4))) - 50
    return x1, x2


def panels(n=400, seed=1):
    """One measurement of 7 features: domain 1 has 0 to 4, domain 2 has 2 to 6; and the whole, for both halves."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 3))
    whole = hidden @ rng.standard_normal((3, 7)) + 0.2 * rng.standard_normal((n, 7)) + rng.uniform(-5, 5, 7)
    first, second = whole[: n // 2], whole[n // 2 :]
    return task_input_of(first[:, :5], second[:, 2:], shared=[(2, 0), (3, 1), (4, 2)]), first, second


@pytest.fixture(scope="module")
def everything():
    """An input with known pairs, shared features and the ground truth."""
    x1, x2 = two_sides()
    x1[:, :3] = x2[:, :3] = x1[:, :3] + 0.01 * x2[:, :3]
    truth = Truth(pd.DataFrame(x2, columns=["b0", "b1", "b2", "b3"]), None, np.arange(120))
    pairs, shared = [(i, i) for i in range(12)], [(0, 0), (1, 1), (2, 2)]
    return task_input_of(x1, x2, pairs=pairs, shared=shared, truth=truth)


@pytest.mark.parametrize("name", EVERY)
def test_translations_are_finite_float32_of_the_target_shape(everything, name):
    result = aligned(name, everything, **QUICK.get(name, {}))
    for made, shape in ((result.x12, (120, 4)), (result.x21, (120, 5))):
        assert made.shape == shape
        assert made.dtype == np.float32
        assert made.flags.c_contiguous
        assert np.isfinite(made).all()
    assert (result.z1 is not None) == (registry.find("methods")[name]["output"] == "joint")


@pytest.mark.parametrize("name", EVERY)
def test_the_seed_changes_the_result_only_of_stochastic_methods(everything, name):
    first, again, other = (aligned(name, everything, seed, **QUICK.get(name, {})).x12.tobytes() for seed in (3, 3, 4))
    assert first == again
    assert (first != other) == registry.find("methods")[name]["stochastic"]


@pytest.mark.parametrize("name", EVERY)
def test_the_input_is_neither_changed_nor_returned(everything, name):
    before = everything.x1.tobytes(), everything.x2.tobytes()
    result = aligned(name, everything, **QUICK.get(name, {}))
    assert (everything.x1.tobytes(), everything.x2.tobytes()) == before
    for made in (result.x12, result.x21):
        assert not any(np.shares_memory(made, x) for x in (everything.x1, everything.x2))


@pytest.mark.parametrize("name", REGRESSIONS + OTHERS)
def test_only_controls_that_declare_it_use_the_ground_truth(everything, name):
    blind = aligned(name, replace(everything, truth=None), **QUICK.get(name, {}))
    assert blind.x12.tobytes() == aligned(name, everything, **QUICK.get(name, {})).x12.tobytes()
    assert not registry.find("methods")[name]["uses_labels"]


@pytest.mark.parametrize("name", USE_TRUTH)
def test_controls_that_need_the_ground_truth_do_not_apply_without_it(everything, name):
    assert registry.find("methods")[name]["uses_labels"]
    assert reason(name, replace(everything, truth=None))
    assert reason(name, replace(everything, truth=Truth()))


@pytest.mark.parametrize("name", EVERY)
def test_constant_features_and_identical_cells_give_finite_results(everything, name):
    x1, x2 = everything.x1.copy(), everything.x2.copy()
    x1[:, 4], x2[:, 3], x1[20:30], x2[20:30] = 2, 0, x1[20], x2[20]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = aligned(name, replace(everything, x1=x1, x2=x2), **QUICK.get(name, {}))
    assert np.isfinite(result.x12).all()
    assert np.isfinite(result.x21).all()


@pytest.mark.parametrize("name", ["mean_predictor", "procrustes", "ridge", "knn_regression"])
def test_predictions_are_in_the_units_of_the_target(name):
    """In other units of domain 2 the same prediction comes out, in these units."""
    x1, x2 = two_sides()
    pairs = [(i, i) for i in range(20)]
    plain, other = (aligned(name, task_input_of(x1, x, pairs=pairs)).x12 for x in (x2, 1000 * x2 + 7))
    np.testing.assert_allclose(other, 1000 * plain + 7, rtol=1e-3, atol=1)


def test_random_pairing_uses_each_real_cell_once_before_reusing_any():
    x1, x2 = two_sides()
    result = aligned("random_pairing", task_input_of(x1, x2[:50]))
    numbers = [int(np.flatnonzero((x2[:50].astype(np.float32) == row).all(axis=1))[0]) for row in result.x12]
    counts = np.bincount(numbers, minlength=50)
    assert set(counts) == {2, 3}
    assert numbers[:50] != list(range(50))
    assert len(np.unique(result.x21, axis=0)) == 50


def test_the_mean_predictor_predicts_feature_means():
    x1, x2 = two_sides()
    result = aligned("mean_predictor", task_input_of(x1, x2[:50]))
    np.testing.assert_allclose(result.x12, np.tile(x2[:50].mean(axis=0), (120, 1)), rtol=1e-5)
    np.testing.assert_allclose(result.x21, np.tile(x1.mean(axis=0), (50, 1)), rtol=1e-5)


def test_the_true_partner_predicts_the_target_where_it_is_known():
    x1, x2 = two_sides()
    target = pd.DataFrame(x2 + 1, columns=["b0", "b1", "b2", "b3"])[["b3", "b1", "b0", "b2"]]
    target.insert(0, "elsewhere", 0.0)
    result = aligned("true_partner", task_input_of(x1, x2, truth=Truth(target, partner=np.arange(120))))
    np.testing.assert_array_equal(result.x12, (x2 + 1).astype(np.float32))
    np.testing.assert_array_equal(result.x21, x1.astype(np.float32))
    assert result.notes["origins_12"] == {"target": 1.0}
    assert result.notes["origins_21"] == {"partner": 1.0}


def test_the_true_partner_falls_back_on_partner_then_label_then_mean():
    x1, x2 = np.zeros((4, 2)), np.array([[1, 10], [2, 20], [3, 30], [4, 40.0]])
    truth = Truth(
        pd.DataFrame({"b1": [-1.0, -2, -3, -4]}),
        partner=np.array([3, -1, -1, -1]),
        label1=np.array(["x", "x", "y", "z"]),
        label2=np.array(["y", "x", "x", "x"]),
    )
    result = aligned("true_partner", task_input_of(x1, x2, truth=truth))
    np.testing.assert_array_equal(result.x12, [[4, -1], [3, -2], [1, -3], [2.5, -4]])
    assert result.notes["origins_12"] == {"label": 0.25, "mean": 0.125, "partner": 0.125, "target": 0.5}


def test_with_labels_only_the_true_partner_predicts_a_real_cell_of_the_label():
    x1, x2 = two_sides()
    labels = [np.array(["p", "q", "r"])[np.arange(n) % 3] for n in (120, 50)]
    result = aligned("true_partner", task_input_of(x1, x2[:50], truth=Truth(label1=labels[0], label2=labels[1])))
    rows = [int(np.flatnonzero((x2[:50].astype(np.float32) == row).all(axis=1))[0]) for row in result.x12]
    assert list(labels[1][rows]) == list(labels[0])
    assert len(set(rows)) == 50


def test_a_shift_between_domains_is_kept_in_shared_features_only():
    x1, x2 = two_sides()
    x2[:, 0] = x1[:, 0] + 4
    task_input = task_input_of(x1, x2, shared=[(0, 0)])
    first, second = scaled(task_input)
    assert second[:, 0].mean() - first[:, 0].mean() == pytest.approx(4 / scales(task_input)[0].sd[0], rel=1e-4)
    assert 4 / scales(task_input)[0].sd[0] > 1
    assert np.concatenate([first[:, 0], second[:, 0]]).std() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(first[:, 1:].std(axis=0), 1, rtol=1e-5)
    flat = scales(task_input_of(x1, x2, standardise=False))[0]
    assert (flat.mean == 0).all()
    assert (flat.sd == 1).all()


def ridge_oracle(x, y, queries):
    """Ridge with the penalty of the least leave-one-out error, every cell really left out."""

    def fitted(x, y, alpha):
        centred = x - x.mean(axis=0)
        slope = np.linalg.solve(centred.T @ centred + alpha * np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0)))
        return lambda q: (q - x.mean(axis=0)) @ slope + y.mean(axis=0)

    def error(alpha):
        rest = [np.arange(len(x)) != i for i in range(len(x))]
        return sum(((fitted(x[keep], y[keep], alpha)(x[~keep]) - y[~keep]) ** 2).sum() for keep in rest)

    best = min(10.0 ** np.arange(-2, 4.25, 0.5), key=error)
    return fitted(x, y, best)(queries), best


def test_ridge_on_pairs_equals_the_formula_with_leave_one_out():
    x1, x2 = two_sides()
    pairs = np.array([(i, i) for i in range(5, 20)])
    result = aligned("ridge", task_input_of(x1, x2, pairs=pairs))
    z1, z2 = ((x - x.mean(axis=0)) / x.std(axis=0) for x in (x1, x2))
    expected, alpha = ridge_oracle(z1[pairs[:, 0]], z2[pairs[:, 1]], z1)
    np.testing.assert_allclose(result.x12, expected * x2.std(axis=0) + x2.mean(axis=0), rtol=1e-3, atol=1e-2)
    assert result.notes["alpha"][0] == pytest.approx(alpha)
    assert result.notes["learnt_from"] == "pairs"


def test_ridge_on_shared_features_is_fitted_within_the_target_domain():
    task_input, _, _ = panels(80)
    result = aligned("ridge", task_input)
    z1, z2 = scaled(task_input)
    expected, _ = ridge_oracle(z2[:, :3], z2[:, 3:], z1[:, 2:])
    by = scales(task_input)[1]
    np.testing.assert_allclose(result.x12[:, 3:], expected * by.sd[3:] + by.mean[3:], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(result.x12[:, :3], task_input.x1[:, 2:])
    np.testing.assert_array_equal(result.x21[:, 2:], task_input.x2[:, :3])


def test_knn_regression_predicts_the_mean_of_neighbours_by_scaled_features():
    x1, x2 = two_sides()
    pairs = [(i, i + 1) for i in range(10)]
    z1 = (x1 - x1.mean(axis=0)) / x1.std(axis=0)
    near = np.argsort(cdist(z1, z1[:10]), axis=1)[:, :3]
    expected = x2[1:11][near].mean(axis=1)
    result = aligned("knn_regression", task_input_of(x1, x2, pairs=pairs))
    np.testing.assert_allclose(result.x12, expected, rtol=1e-4)
    assert result.notes["n_neighbors"] == [3, 3]


@pytest.mark.parametrize(("n_cells", "given", "taken"), [(400, None, 50), (60, None, 30), (400, 7, 7)])
def test_the_number_of_neighbours_has_a_default_per_basis(n_cells, given, taken):
    result = aligned("knn_regression", panels(n_cells)[0], n_neighbors=given)
    assert result.notes["n_neighbors"] == [taken, taken]


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions_predict_the_features_of_the_other_panel(name):
    task_input, first, second = panels()
    result = aligned(name, task_input)
    assert correlations(result.x12[:, 3:], first[:, 5:]).min() > 0.8
    assert correlations(result.x21[:, :2], second[:, :2]).min() > 0.8


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions_predict_a_single_feature(name):
    task_input, first, _ = panels()
    narrow = task_input_of(task_input.x1, task_input.x2[:, :4], shared=task_input.shared)
    assert correlations(aligned(name, narrow).x12[:, 3:], first[:, 5:6]).min() > 0.8
    x1, x2 = two_sides()
    pairs = [(i, i) for i in range(40)]
    assert correlations(aligned(name, task_input_of(x1, x2[:, :1], pairs=pairs)).x12, x2[:, :1]).min() > 0.7


@pytest.mark.parametrize("name", REGRESSIONS)
def test_shared_features_are_preferred_to_pairs_unless_all_are_shared(name):
    task_input, _, _ = panels()
    pairs = tuple((i, i) for i in range(20))
    both = replace(task_input, pairs=pairs)
    assert aligned(name, both).x12.tobytes() == aligned(name, task_input).x12.tobytes()
    same = task_input_of(task_input.x1[:, 2:], task_input.x2[:, :3], shared=[(0, 0), (1, 1), (2, 2)], pairs=pairs)
    assert aligned(name, same).notes["learnt_from"] == "pairs"


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions_state_why_they_do_not_apply(name):
    x1, x2 = two_sides()
    assert reason(name, task_input_of(x1, x2)) == "there are neither known pairs nor shared features"
    assert reason(name, task_input_of(x1, x2, pairs=[(0, 0), (1, 1)])) == "2 known pairs; a regression needs 3"
    every = [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert reason(name, task_input_of(x1[:, :4], x2, shared=every)).startswith("all features are shared")


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_hidden_feature_is_predicted_in_one_direction_and_measured_in_the_other(name):
    _, first, second = panels()
    names = list("abcdefg")
    x1, x2 = pd.DataFrame(first, columns=names), pd.DataFrame(second, columns=names)
    correspondence = Correspondence(shared=tuple((m, m) for m in names if m != "d"), hidden=("d",))
    result = aligned(name, Domains(x1, x2, (correspondence,)).task_input(0))
    assert correlations(result.x12[:, 3:4], first[:, 3:4])[0] > 0.75
    np.testing.assert_array_equal(result.x21, np.delete(second, 3, axis=1).astype(np.float32))


def test_trees_fit_nonlinear_relations():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (600, 2))
    whole = np.column_stack([x, np.where(x[:, 0] * x[:, 1] > 0, 1, -1)])
    task_input = task_input_of(whole[:300, :2], whole[300:], shared=[(0, 0), (1, 1)])
    r = {
        name: correlations(aligned(name, task_input).x12[:, 2:], whole[:300, 2:])[0]
        for name in ("ridge", "boosted_trees")
    }
    assert r["ridge"] < 0.3
    assert r["boosted_trees"] > 0.9


def test_trees_split_on_ten_pairs():
    x1, x2 = two_sides()
    task_input = task_input_of(x1, x2, pairs=[(i, i) for i in range(10)])
    assert aligned("boosted_trees", task_input).x12.std(axis=0).min() > 0
    assert aligned("boosted_trees", task_input, min_samples_leaf=20).x12.std(axis=0).max() < 1e-3


def test_trees_do_not_apply_beyond_max_targets():
    x1, x2 = two_sides()
    assert "max_targets" in reason(
        "boosted_trees", task_input_of(x1, x2, pairs=[(i, i) for i in range(9)]), max_targets=3
    )


def test_ridge_all_pairs_recovers_a_linear_map():
    x1, x2 = two_sides()
    partner = np.random.default_rng(1).permutation(120)
    shuffled = np.empty_like(x2)
    shuffled[partner] = x2
    result = aligned("ridge_all_pairs", task_input_of(x1, shuffled, truth=Truth(partner=partner)))
    assert correlations(result.x12, x2).min() > 0.95
    back = np.empty_like(x1)
    back[partner] = x1
    assert correlations(result.x21, back).min() > 0.85


def test_no_cell_is_predicted_by_a_model_fitted_to_it():
    """Its partner altered, a cell's own prediction keeps its bytes; those of other folds do not."""
    x1, x2 = two_sides()
    altered = x2.copy()
    altered[7] += 1e3
    task_inputs = [task_input_of(x1, x, truth=Truth(partner=np.arange(120)), standardise=False) for x in (x2, altered)]
    plain, other = (aligned("ridge_all_pairs", task_input).x12 for task_input in task_inputs)
    same = (plain == other).all(axis=1)
    assert same[7]
    assert same.sum() == 24


def test_ridge_all_pairs_does_not_predict_noise():
    rng = np.random.default_rng(0)
    task_input = task_input_of(
        rng.standard_normal((60, 40)), rng.standard_normal((60, 3)), truth=Truth(partner=np.arange(60))
    )
    assert np.abs(correlations(aligned("ridge_all_pairs", task_input).x12, task_input.x2)).mean() < 0.3


def test_cells_without_a_partner_are_predicted():
    x1, x2 = two_sides()
    partner = np.where(np.arange(120) < 100, np.arange(120), -1)
    result = aligned("ridge_all_pairs", task_input_of(x1, x2[:110], truth=Truth(partner=partner)))
    assert correlations(result.x12[100:], x2[100:]).min() > 0.95
    assert correlations(result.x21[100:], x1[100:110]).min() > 0.5
    few = Truth(partner=np.where(np.arange(120) < 9, np.arange(120), -1))
    assert reason("ridge_all_pairs", task_input_of(x1, x2, truth=few)).startswith("9 true pairs")


def test_procrustes_finds_a_rotated_shifted_and_scaled_copy():
    rng = np.random.default_rng(0)
    x1 = rng.standard_normal((100, 4)) * [4, 3, 2, 1]
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    x2 = 2.5 * x1 @ turn + [1, 2, 3, 4]
    task_input = task_input_of(x1, x2, pairs=[(i, i) for i in range(5)], standardise=False)
    result = aligned("procrustes", task_input)
    np.testing.assert_allclose(result.x12, x2, atol=1e-3)
    np.testing.assert_allclose(result.x21, x1, atol=1e-3)
    assert result.notes["scale_12"] == pytest.approx(2.5, rel=1e-4)
    assert result.notes["scale_21"] == pytest.approx(1 / 2.5, rel=1e-4)


def test_procrustes_equals_scipy_in_as_many_components_as_the_pairs_allow():
    x1, x2 = two_sides()
    rows = np.arange(4)
    result = aligned("procrustes", task_input_of(x1, x2, pairs=zip(rows, rows, strict=True), standardise=False))
    centred = [x - x.mean(axis=0) for x in (x1, x2)]
    axes = [np.linalg.svd(x, full_matrices=False)[2][:3] for x in centred]
    a, b = (x @ v.T for x, v in zip(centred, axes, strict=True))
    known_a, known_b = a[rows] - a[rows].mean(axis=0), b[rows] - b[rows].mean(axis=0)
    turn, size = orthogonal_procrustes(known_a, known_b)
    mapped = size / (known_a**2).sum() * (a - a[rows].mean(axis=0)) @ turn + b[rows].mean(axis=0)
    np.testing.assert_allclose(result.x12, mapped @ axes[1] + x2.mean(axis=0), rtol=1e-3, atol=1e-2)
    assert result.notes["n_components"] == 3


def test_procrustes_needs_two_distinct_pairs():
    x1, x2 = two_sides()
    assert reason("procrustes", task_input_of(x1, x2, pairs=[(0, 0)])).startswith("known pairs: 1;")
    x1[1] = x1[0]
    assert "coincide" in reason("procrustes", task_input_of(x1, x2, pairs=[(0, 0), (1, 1)]))


def test_quantile_mapping_gives_the_target_distribution_and_keeps_the_order():
    rng = np.random.default_rng(0)
    x, y = rng.exponential(size=301), rng.normal(5, 2, 500)
    mapped = quantile_mapped(x, y)
    np.testing.assert_array_equal(np.argsort(mapped), np.argsort(x))
    assert np.quantile(mapped, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(y, [0.1, 0.5, 0.9]), abs=0.1)
    middle = np.abs(y - 5) < 4
    np.testing.assert_allclose(quantile_mapped(y, y)[middle], y[middle], atol=0.1)
    tied = quantile_mapped(np.array([0, 0, 0, 1.0]), np.array([10, 20, 30, 40.0]))
    np.testing.assert_allclose(tied, [21.25, 21.25, 21.25, 36.25])


def test_quantile_knn_is_the_mean_of_neighbours_by_the_other_features():
    task_input, _, _ = panels(200)
    result = aligned("quantile_knn", task_input, n_neighbors=6)
    sd = task_input.x2[:, :3].std(axis=0)
    mapped = np.column_stack(
        [quantile_mapped(x, y) for x, y in zip(task_input.x1[:, 2:].T, task_input.x2[:, :3].T, strict=True)]
    )
    for column in range(5):
        used = [place for place in range(3) if place != column]
        distances = cdist(mapped[:, used] / sd[used], task_input.x2[:, used] / sd[used])
        expected = task_input.x2[np.argsort(distances, axis=1)[:, :6], column].mean(axis=1)
        np.testing.assert_allclose(result.x12[:, column], expected, rtol=1e-4, atol=1e-4)


def test_the_block_size_does_not_change_the_result(monkeypatch):
    task_input, _, _ = panels()
    whole = aligned("quantile_knn", task_input).x12
    monkeypatch.setattr("portal_lib.methods.align.quantile_knn.BLOCK", 7 * 200)
    np.testing.assert_allclose(aligned("quantile_knn", task_input).x12, whole, rtol=1e-5, atol=1e-5)


def test_a_shared_feature_that_lost_its_signal_is_predicted_from_the_others():
    _, first, second = panels(800)
    lost = first.copy()
    lost[:, 0] = 0.01 * np.random.default_rng(0).standard_normal(len(lost))
    task_input = task_input_of(2 * lost + 3, second, shared=[(i, i) for i in range(7)])
    result = aligned("quantile_knn", task_input)
    assert correlations(result.x12[:, :1], first[:, :1])[0] > 0.9
    assert reason("quantile_knn", task_input_of(first, second, shared=[(0, 0)])).startswith("shared features: 1;")


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "expected"), [("ridge", 0.53), ("knn_regression", 0.60), ("boosted_trees", 0.60)])
def test_two_panels_of_mass_cytometry_give_the_recorded_correlations(name, expected, fetched):
    domains, truth = cytof_panels.load(fetched(cytof_panels))
    task_input, columns = domains.task_input(0), list(truth.scored)
    made = pd.DataFrame(aligned(name, task_input).x12, columns=task_input.features2)[columns].to_numpy()
    assert correlations(made, truth.target12[columns].to_numpy()).mean() == pytest.approx(expected, abs=0.01)


def test_every_reason_is_a_short_line_for_tables():
    x1, x2 = two_sides()
    for name in (*REGRESSIONS, "procrustes", "lle_alignment", "quantile_knn"):
        with pytest.raises(NotApplicable):
            aligned(name, task_input_of(x1, x2))


def test_untranslated_keeps_shared_features_and_predicts_means_of_others():
    from portal_lib.methods.controls import untranslated

    x1, x2 = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), np.array([[5.0, 6.0], [7.0, 10.0], [0.0, 2.0]], np.float32)
    task_input = TaskInput(x1, x2, ("a", "b"), ("b", "c"), ((1, 0),))
    result = untranslated.align(task_input, {}, 0, "cpu")
    assert np.array_equal(result.x12, [[2, 6], [4, 6]])
    assert np.array_equal(result.x21, [[2, 5], [2, 7], [2, 0]])
    with pytest.raises(NotApplicable):
        untranslated.align(TaskInput(x1, x2, ("a", "b"), ("c", "d")), {}, 0, "cpu")
