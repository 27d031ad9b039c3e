"""Metrics of alignment compared with their formulas and known values, and invalid input."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from portal_lib.errors import DataError, NotApplicable, ShapeError
from portal_lib.metrics._score import score_translation
from portal_lib.metrics.align import (
    destination,
    foscttm,
    knn_auc,
    label_transfer,
    mse,
    mse_rel_mean,
    mse_rel_random,
    pearson,
    spearman,
    superimposition,
)
from portal_lib.metrics.align._compared import destinations
from portal_lib.metrics.align._translation import Correspondence, Scale, Translation


def made(n1=60, n2=75, noise=0.8, seed=0):
    """Two domains of three populations, what each would have measured of the other, and a noisy translation."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n1 + n2) % 3)
    latent = 3 * np.eye(3)[label] + rng.normal(size=(n1 + n2, 3))
    both = [latent @ rng.normal(size=(3, d)) * rng.uniform(0.5, 4, d) + 7 for d in (4, 6)]
    real = {"x1": both[0][:n1], "x2": both[1][n1:]}
    target = {"target12": both[1][:n1], "target21": both[0][n1:]}
    given = {
        f"x{direction}": target[f"target{direction}"] + noise * rng.normal(size=target[f"target{direction}"].shape)
        for direction in ("12", "21")
    }
    return real, given, target, {"label1": label[:n1], "label2": label[n1:]}


@pytest.fixture
def parts():
    return made()


def z_of(real):
    return lambda x: (x - real.mean(axis=0)) / real.std(axis=0)


def by_direction(real, given, target):
    """Real cells of the target domain, predictions and truth in z, by direction."""
    for direction in ("12", "21"):
        z = z_of(real[f"x{direction[1]}"])
        yield direction, z(real[f"x{direction[1]}"]), z(given[f"x{direction}"]), z(target[f"target{direction}"])


def foscttm_by_formula(a, b):
    found = []
    for first, second in ((a, b), (b, a)):
        for i in range(len(a)):
            distances = np.array([np.linalg.norm(first[i] - second[j]) for j in range(len(a))])
            others = np.delete(distances, i)
            found.append(((others < distances[i]).sum() + (others == distances[i]).sum() / 2) / (len(a) - 1))
    return np.mean(found)


def knn_auc_by_formula(true, integrated, cells):
    n = len(true)
    k_max = int(np.ceil(0.1 * n))
    near = np.argsort(cdist(true, true), axis=1)
    met = np.argsort(cdist(cells, integrated), axis=1)
    found = [[len(set(near[i, :k]) & set(met[i, :k])) / k for k in range(1, k_max + 1)] for i in range(n)]
    return np.mean(found)


def test_foscttm_equals_its_formula_in_both_domains(parts):
    real, given, target, _ = parts
    found = foscttm.score(Translation(**real, **given), Correspondence(**target))
    expected = {direction: foscttm_by_formula(a, b) for direction, _, a, b in by_direction(real, given, target)}
    assert found == pytest.approx({**expected, "": np.mean(list(expected.values()))})
    assert 0 < found["12"] < 0.4


@pytest.mark.parametrize("n", [2, 3, 1000])
def test_foscttm_of_a_perfect_translation_is_0(n):
    x = np.random.default_rng(0).normal(size=(n, 4))
    assert foscttm.foscttm(x, x.copy()) == 0


def test_foscttm_of_a_collapsed_generator_is_one_half():
    """With a strict "<" it would be a quarter."""
    truth = np.random.default_rng(0).normal(size=(501, 9)) * 3 + 100
    point = np.broadcast_to(truth[7].astype(np.float32), truth.shape)
    assert foscttm.foscttm(point, truth) == pytest.approx(0.5, abs=1e-12)


def test_foscttm_of_random_pairs_is_one_half_and_of_a_mirrored_line_two_thirds():
    """From -p the values between -3p and p are closer than p: (1/9 + 5/9) in the mean over p."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1500, 3))
    assert foscttm.foscttm(rng.permutation(x), x) == pytest.approx(0.5, abs=0.02)
    line = np.linspace(-1, 1, 2000)[:, None]
    assert foscttm.foscttm(-line, line) == pytest.approx(2 / 3, abs=1e-3)


def test_foscttm_ties_survive_large_offsets_and_scales():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 3, (2, 80, 2)).astype(float)
    expected = foscttm_by_formula(a, b)
    for scale, offset in ((1, 0), (1e-6, 0), (4096, 2.0**20)):
        assert foscttm.foscttm(a * scale + offset, b * scale + offset) == pytest.approx(expected, abs=1e-12)


def test_foscttm_of_a_seeded_sample_is_near_that_of_all_cells(monkeypatch):
    rng = np.random.default_rng(3)
    b = rng.normal(size=(3000, 5))
    a = b + rng.normal(size=b.shape)
    of_all = foscttm.foscttm(a, b)
    monkeypatch.setattr(foscttm, "MOST_CELLS", 1000)
    sampled = foscttm.foscttm(a, b)
    assert sampled == foscttm.foscttm(a, b)
    assert sampled != of_all
    assert sampled == pytest.approx(of_all, abs=0.01)


def test_a_joint_space_is_scored_once_and_is_the_value_where_nothing_is_translated(parts):
    real, given, _, _ = parts
    n1 = len(real["x1"])
    rng = np.random.default_rng(4)
    partner = rng.permutation(len(real["x2"]))[:n1]
    partner[:5] = -1
    z1, z2 = rng.normal(size=(n1, 3)), rng.normal(size=(len(real["x2"]), 3))
    z2[partner[5:]] = z1[5:] + 0.1 * rng.normal(size=(n1 - 5, 3))
    known, joint = Correspondence(partner=partner, pairs=[(6, partner[6]), (8, partner[11])]), {"z1": z1, "z2": z2}
    rows = np.setdiff1d(np.arange(5, n1), [6, 8, 11])
    expected = foscttm_by_formula(z1[rows], z2[partner[rows]])
    assert foscttm.score(Translation(**real, **joint), known) == pytest.approx({"": expected, "joint": expected})
    both = foscttm.score(Translation(**real, **given, **joint), known)
    assert both["joint"] == pytest.approx(expected)
    assert both[""] == pytest.approx((both["12"] + both["21"]) / 2)
    expected = knn_auc_by_formula(z_of(real["x1"])(real["x1"][rows]), z1[rows], z2[partner[rows]])
    assert knn_auc.score(Translation(**real, **joint), known)[""] == pytest.approx(expected)


def test_knn_auc_equals_its_formula(parts):
    real, given, target, _ = parts
    (_, _, predicted12, target12), (_, _, predicted21, target21) = by_direction(real, given, target)
    own = z_of(real["x1"])(real["x1"])
    expected = {
        "12": knn_auc_by_formula(own, predicted12, target12),
        "21": knn_auc_by_formula(target21, target21, predicted21),
    }
    found = knn_auc.score(Translation(**real, **given), Correspondence(**target))
    assert found == pytest.approx({**expected, "": np.mean(list(expected.values()))})


def test_knn_auc_is_1_for_the_same_space_and_about_a_twentieth_for_chance(monkeypatch):
    rng = np.random.default_rng(5)
    x, other = rng.normal(size=(2, 700, 4))
    assert knn_auc.knn_auc(x, x, x) == pytest.approx(1)
    assert knn_auc.knn_auc(x, other, rng.permutation(other)) == pytest.approx(0.05, abs=0.01)
    of_all = knn_auc.knn_auc(x, x + 0.3 * other, x)
    monkeypatch.setattr(knn_auc, "MOST_CELLS", 300)
    assert knn_auc.knn_auc(x, x + 0.3 * other, x) == pytest.approx(of_all, abs=0.03)


def test_label_transfer_is_a_vote_of_five_neighbours():
    real, given, target, labels = made(noise=5)
    labels = {name: label > 0 for name, label in labels.items()}
    found = label_transfer.score(Translation(**real, **given), Correspondence(**labels))
    accuracy, balanced = {}, []
    for direction, real_cells, predicted, _ in by_direction(real, given, target):
        own, known = labels[f"label{direction[0]}"], labels[f"label{direction[1]}"]
        guess = KNeighborsClassifier(5).fit(real_cells, known).predict(predicted)
        accuracy[direction] = (guess == own).mean()
        balanced.append(balanced_accuracy_score(own, guess))
    expected = {**accuracy, "": np.mean(list(accuracy.values())), "balanced": np.mean(balanced)}
    assert found == pytest.approx(expected)
    assert 0.5 < found["12"] < 1


def test_of_equally_common_labels_the_nearest_wins():
    votes = np.array([[2, 0, 0, 2, 1], [0, 2, 2, 0, 1], [4, 3, 2, 1, 0], [1, 0, 0, 0, 1], [3, 1, 1, 2, 2]])
    assert label_transfer.majority(votes).tolist() == [2, 0, 4, 0, 1]


def test_squared_errors_equal_their_formulas(parts):
    real, given, target, _ = parts
    expected = {direction: ((a - b) ** 2).mean() for direction, _, a, b in by_direction(real, given, target)}
    means = {direction: (b**2).mean() for direction, _, _, b in by_direction(real, given, target)}
    pairs = {
        direction: cdist(cells, b, "sqeuclidean").mean() / b.shape[1]
        for direction, cells, _, b in by_direction(real, given, target)
    }
    args = Translation(**real, **given), Correspondence(**target)
    assert mse.score(*args) == pytest.approx({**expected, "": np.mean(list(expected.values()))})
    found = mse_rel_mean.score(*args)
    assert found["12"] == pytest.approx(expected["12"] / means["12"])
    assert found[""] == pytest.approx((expected["12"] / means["12"] + expected["21"] / means["21"]) / 2)
    random = mse_rel_random.score(*args)
    assert random == mse_rel_random.score(*args)
    for direction in ("12", "21"):
        assert random[direction] == pytest.approx(expected[direction] / pairs[direction], rel=0.05)


def test_random_pairs_are_drawn_from_the_real_target_domain():
    real, _, target, _ = made(200, 90)
    shifted = target["target12"] + 3 * real["x2"].std(axis=0)
    z = z_of(real["x2"])
    far = cdist(z(real["x2"]), z(shifted), "sqeuclidean").mean() / 6
    found = mse_rel_random.score(Translation(**real, x12=target["target12"]), Correspondence(target12=shifted))
    assert found[""] == pytest.approx(9 / far, rel=0.05)


@pytest.mark.parametrize("direction", ["12", "21"])
def test_baselines_score_1_relative_to_themselves(direction):
    real, _, target, _ = made(1000, 700)
    rng = np.random.default_rng(0)
    aim = real[f"x{direction[1]}"]
    n = len(real[f"x{direction[0]}"])
    known = Correspondence(**target)
    mean = Translation(**real, **{f"x{direction}": np.tile(aim.mean(axis=0), (n, 1))})
    random = Translation(**real, **{f"x{direction}": aim[rng.integers(0, len(aim), n)]})
    assert mse_rel_mean.score(mean, known) == pytest.approx({"": 1, direction: 1})
    assert mse_rel_random.score(mean, known)[""] == pytest.approx(0.5, abs=0.03)
    assert mse_rel_random.score(random, known)[""] == pytest.approx(1, abs=0.06)
    assert mse_rel_mean.score(random, known)[""] == pytest.approx(2, abs=0.12)


def test_correlations_equal_those_of_scipy(parts):
    real, given, target, _ = parts
    names = list("abcdef")
    known = Correspondence(**target, features2=names)
    for metric, oracle in ((pearson, stats.pearsonr), (spearman, stats.spearmanr)):
        expected = {
            name: oracle(given["x12"][:, i], target["target12"][:, i]).statistic for i, name in enumerate(names)
        }
        found = metric.score(Translation(**real, **given), known)
        mean = np.mean(list(expected.values()))
        assert found == pytest.approx({**expected, "": mean, "constant_predictions": 0})


def test_only_the_listed_features_are_scored_and_a_constant_prediction_counts_0(parts):
    real, given, target, _ = parts
    given["x12"][:, 4] = np.float32(0.1)
    columns = [5, 4, 1]
    known = {"target12": target["target12"][:, columns], "columns12": columns, "features2": list("abcdef")}
    for metric in (pearson, spearman):
        found = metric.score(Translation(**real, **given), Correspondence(**known, scored=[4, 1]))
        assert set(found) == {"", "e", "b", "constant_predictions"}
        assert (found["e"], found["constant_predictions"]) == (0, 1)
        assert found[""] == pytest.approx(found["b"] / 2)
        assert found["b"] > 0.5
        with pytest.raises(NotApplicable, match="any feature to judge"):
            metric.score(Translation(**real, **given), Correspondence(**known, scored=[0]))


def test_a_feature_that_is_constant_in_truth_is_not_scored(parts):
    real, given, target, _ = parts
    target["target12"][:, 2] = 0.1
    found = pearson.score(Translation(**real, **given), Correspondence(**target))
    assert set(found) == {"", "0", "1", "3", "4", "5", "constant_predictions"}
    assert found[""] == pytest.approx(np.mean([found[name] for name in "01345"]))
    target["target12"][:] = 0.1
    with pytest.raises(NotApplicable, match="constant in truth"):
        pearson.score(Translation(**real, **given), Correspondence(**target))


def test_more_than_100_features_give_only_the_mean():
    x = np.random.default_rng(0).normal(size=(30, 101))
    found = pearson.score(Translation(x, x, x), Correspondence(target12=x))
    assert found == {"": pytest.approx(1), "constant_predictions": 0}


def test_destination_is_the_label_of_the_nearest_real_cell():
    real, given, target, labels = made(noise=4)
    args = Translation(**real, **given), Correspondence(**labels)
    found, table = destination.score(*args), destinations(*args)
    assert list(table.columns) == ["direction", "source", "target", "share"]
    for direction, cells, predicted, _ in by_direction(real, given, target):
        own, there = labels[f"label{direction[0]}"], labels[f"label{direction[1]}"]
        ends = there[cdist(predicted, cells).argmin(axis=1)]
        expected = pd.crosstab(own, ends, normalize="index")
        matrix = table[table["direction"] == direction].pivot(index="source", columns="target", values="share")
        np.testing.assert_allclose(matrix, expected)
        for label in range(3):
            assert found[f"{direction}:{label}"] == pytest.approx(expected.loc[label, label])
        assert found[direction] == pytest.approx(np.diag(expected).mean())
        assert found[f"right{direction}"] == float((np.diag(expected) > 0.5).all())
    assert found[""] == pytest.approx((found["12"] + found["21"]) / 2)
    assert found["12"] < 1


def test_destination_of_swapped_labels_and_of_half_a_cluster():
    """The published toy: three clusters each, two of them swapped in one direction only."""
    x = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    label = np.array(["a", "a", "b", "b", "c", "c"])
    swapped = x[[2, 3, 0, 1, 4, 5]]
    found = destination.score(Translation(x, x, swapped, x), Correspondence(label1=label, label2=label))
    assert (found["12"], found["21"], found[""]) == (pytest.approx(1 / 3), 1, pytest.approx(2 / 3))
    assert (found["right12"], found["right21"], found["right"]) == (0, 1, 0)
    assert (found["swapped12"], found["swapped21"], found["swapped"]) == (1, 0, 1)
    assert (found["12:a"], found["12:b"], found["12:c"]) == (0, 0, 1)
    half = x[[2, 0, 2, 3, 4, 5]]
    found = destination.score(Translation(x, x, half), Correspondence(label1=label, label2=label))
    assert (found["12:a"], found["right"], found["swapped"]) == (0.5, 0, 0)
    # All cells of b at a, half of those of a at b: no majority, no swap.
    found = destination.score(Translation(x, x, x[[2, 0, 0, 1, 4, 5]]), Correspondence(label1=label, label2=label))
    assert (found["12:b"], found["swapped"]) == (0, 0)


def test_labels_that_the_other_domain_lacks_cannot_be_right_and_are_left_out():
    x = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    label1, label2 = ["a", "a", "b", "b", "only", "only"], ["a", "a", "b", "b", "b", "b"]
    args = Translation(x, x, x), Correspondence(label1=label1, label2=label2)
    assert destination.score(*args)[""] == 1
    whole = {"", "12", "right", "right12", "swapped", "swapped12"}
    assert set(destination.score(*args)) == whole | {"12:a", "12:b"}
    assert label_transfer.score(*args)["balanced"] == pytest.approx(0.5)
    assert set(destinations(*args)["source"]) == {"a", "b", "only"}
    with pytest.raises(NotApplicable, match="share no label"):
        destination.score(Translation(x, x, x), Correspondence(label1=["x"] * 6, label2=label2))


def test_superimposition_equals_its_formulas(parts):
    real, given, target, labels = parts
    found = superimposition.score(Translation(**real, **given), Correspondence(**labels))
    for direction, cells, predicted, _ in by_direction(real, given, target):
        apart = cdist(cells, cells) + np.diag(np.full(len(cells), np.inf))
        distances = cdist(predicted, cells)
        reached = set(labels[f"label{direction[1]}"][distances.argmin(axis=1)])
        assert found[f"reach{direction}"] == len(reached) / 3
        expected = np.median(distances.min(axis=1)) / np.median(apart.min(axis=1))
        assert found[f"distance{direction}"] == pytest.approx(expected)
        assert found[f"spread{direction}"] == pytest.approx(predicted.std(axis=0).mean())
        assert found[direction] == pytest.approx(min(1 / max(expected, 1), 1 / max(found[f"spread{direction}"], 1)))
    for part in ("reach", "distance", "spread"):
        assert found[part] == pytest.approx((found[f"{part}12"] + found[f"{part}21"]) / 2)


def test_superimposition_is_high_for_swapped_populations_and_0_after_a_collapse():
    real, _, target, labels = made(300, 300)
    swapped = target["target12"][np.argsort((labels["label1"] + 1) % 3, kind="stable")[::-1]]
    known = Correspondence(**labels)
    assert superimposition.score(Translation(**real, x12=swapped), known)[""] > 0.6
    point = np.tile(real["x2"][3], (300, 1))
    collapsed = superimposition.score(Translation(**real, x12=point), known)
    assert (collapsed[""], collapsed["spread"], collapsed["reach"]) == (pytest.approx(0), pytest.approx(0), 1 / 3)
    far = superimposition.score(Translation(**real, x12=target["target12"] + 1000), known)
    assert far["spread"] == pytest.approx(1, abs=0.1)
    assert far[""] < 0.01


def test_superimposition_has_no_reach_without_labels_and_no_distance_among_copies(parts):
    real, given, _, _ = parts
    found = superimposition.score(Translation(**real, **given), Correspondence())
    assert {name.rstrip("12") for name in found} == {"", "distance", "spread"}
    copies = np.repeat(real["x2"][:30], 2, axis=0)
    assert "distance" not in superimposition.score(Translation(real["x1"], copies, given["x12"]), Correspondence())


def test_known_pairs_are_not_scored(parts):
    """Their predictions have no influence."""
    real, given, target, labels = parts
    pairs = [(3, 8), (11, 2), (3, 9)]
    known = Correspondence(**target, **labels, pairs=pairs)
    names = ["foscttm", "label_transfer", "mse", "mse_rel_mean", "mse_rel_random", "pearson", "spearman"]
    names += ["destination", "superimposition", "knn_auc"]
    plain = score_translation(Translation(**real, **given), known, names)
    spoilt = {name: x.copy() for name, x in given.items()}
    spoilt["x12"][[3, 11]] += 50
    spoilt["x21"][[8, 2, 9]] -= 50
    assert score_translation(Translation(**real, **spoilt), known, names) == plain
    without = Correspondence(**target, **labels)
    assert score_translation(Translation(**real, **spoilt), without, names) != plain


def test_partners_are_targets_in_both_directions(parts):
    real, given, _, _ = parts
    partner = np.random.default_rng(6).permutation(len(real["x2"]))[: len(real["x1"])]
    partner[[0, 7]] = -1
    known, back = partner >= 0, np.full(len(real["x2"]), -1)
    back[partner[known]] = np.flatnonzero(known)
    found = mse.score(Translation(**real, **given), Correspondence(partner=partner))
    pairs = {
        "12": (given["x12"][known], real["x2"][partner[known]]),
        "21": (given["x21"][back >= 0], real["x1"][back[back >= 0]]),
    }
    for direction, (predicted, truth) in pairs.items():
        z = z_of(real[f"x{direction[1]}"])
        assert found[direction] == pytest.approx(((z(predicted) - z(truth)) ** 2).mean())


def test_constant_features_of_the_target_domain_are_left_out(parts):
    real, given, target, labels = parts
    wide = {
        "x2": np.insert(real["x2"], 2, 0.1, axis=1),
        "x12": np.insert(given["x12"], 2, np.random.default_rng(0).normal(size=60), axis=1),
        "target12": np.insert(target["target12"], 2, 0.3, axis=1),
    }
    plain = Translation(**real, x12=given["x12"]), Correspondence(target12=target["target12"], **labels)
    other = Translation(real["x1"], wide["x2"], wide["x12"]), Correspondence(target12=wide["target12"], **labels)
    for metric in (foscttm, mse, mse_rel_mean, mse_rel_random, knn_auc, destination, label_transfer, superimposition):
        assert metric.score(*other) == pytest.approx(metric.score(*plain))
    flat = Translation(real["x1"], np.ones((75, 6)), given["x12"])
    with pytest.raises(NotApplicable, match="constant"):
        mse.score(flat, Correspondence(target12=target["target12"]))


@pytest.mark.parametrize("n_cells", [90, 400])
def test_distances_of_many_features_use_50_components(n_cells):
    rng = np.random.default_rng(7)
    real = rng.normal(size=(n_cells, 20)) @ rng.normal(size=(20, 120)) + 0.3 * rng.normal(size=(n_cells, 120))
    cells = real[:10] + rng.normal(size=(10, 120))
    found = Scale(real).coordinates(cells)
    z = z_of(real)
    expected = PCA(50, svd_solver="full").fit(z(real)).transform(z(cells))
    assert found.shape == (10, 50)
    np.testing.assert_allclose(cdist(found, found), cdist(expected, expected), rtol=1e-6)
    assert Scale(real[:, :100]).coordinates(cells[:, :100]).shape == (10, 100)


def test_one_scale_gives_rare_pixels_little_weight():
    rng = np.random.default_rng(8)
    real = rng.uniform(size=(200, 30))
    real[:, :5] = 0
    real[0, :5] = 0.01
    noisy = real + 0.05 * rng.normal(size=real.shape)
    known = Correspondence(partner=np.arange(200))
    assert mse.score(Translation(real, real, noisy), known)[""] > 100
    found = mse.score(Translation(real, real, noisy, one_scale=True), known)[""]
    assert found == pytest.approx(0.05**2 / real.var(axis=0).mean(), rel=0.1)
    assert superimposition.score(Translation(real, real, noisy, one_scale=True), known)["spread"] == pytest.approx(
        1.1, abs=0.1
    )


@pytest.mark.realdata
def test_destination_of_rotated_digits_is_as_documented():
    """Purity of nearest neighbours 0.994 among rotated threes and sevens; upright images hit the right class 0.66."""
    from realdata import mirror

    folder = next((mirror() / "raw.githubusercontent.com" / "fgnt" / "mnist").iterdir())
    images = np.frombuffer(gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    label = np.frombuffer(gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    kept = np.isin(label, [3, 7])
    upright, label = images.reshape(-1, 28, 28)[kept] / 255, label[kept]
    rotated = ndimage.rotate(upright, 120, axes=(2, 1), reshape=False, order=1)
    x1, x2 = (x.reshape(len(x), -1) for x in (upright, rotated))
    noisy = x2 + np.random.default_rng(0).normal(0, 0.05, x2.shape)
    known = Correspondence(label1=label, label2=label, partner=np.arange(len(label)))
    scale = Translation(x1, x2, one_scale=True).scale("2")
    apart = cdist(scale.coordinates(x2), scale.coordinates(x2)) + np.diag(np.full(len(x2), np.inf))
    assert (label[apart.argmin(axis=1)] == label).mean() == pytest.approx(0.994, abs=0.002)
    assert destination.score(Translation(x1, x2, x1, one_scale=True), known)[""] == pytest.approx(0.66, abs=0.03)
    assert destination.score(Translation(x1, x2, noisy, one_scale=True), known)[""] > 0.999
    assert destination.score(Translation(x1, x2, noisy), known)[""] < 0.7


def test_rows_have_metric_parts_and_reasons(parts):
    real, given, target, _ = parts
    args = Translation(**real, x12=given["x12"]), Correspondence(target12=target["target12"])
    rows = score_translation(*args, ["mse", "destination", "foscttm"])
    assert [row["metric"] for row in rows] == ["mse", "mse:12", "destination", "foscttm", "foscttm:12"]
    assert all(set(row) == {"metric", "group", "value", "reason"} and row["group"] == "align" for row in rows)
    assert rows[2]["reason"] == "no labels are known"
    assert np.isnan(rows[2]["value"])
    assert [bool(row["reason"]) for row in rows] == [False, False, True, False, False]


REASONS = {
    "no translation": ({}, {"target12": 1}, "mse", "gives no translation"),
    "no target": ({"x12": 1}, {}, "mse", "not known"),
    "no translation of domain 1": ({"x21": 1}, {"target12": 1, "target21": 1}, "pearson", "no translation of domain 1"),
    "no target of domain 1": ({"x12": 1, "x21": 1}, {"target21": 1}, "pearson", "domain 2 would have measured"),
    "no labels": ({"x12": 1}, {"label1": 1}, "destination", "no labels"),
}


@pytest.mark.parametrize("case", REASONS)
def test_a_metric_that_does_not_apply_gives_its_reason(parts, case):
    real, given, target, labels = parts
    has, knows, metric, reason = REASONS[case]
    truth = target | labels
    translation = Translation(**real, **{name: given[name] for name in has})
    (row,) = score_translation(translation, Correspondence(**{name: truth[name] for name in knows}), [metric])
    assert reason in row["reason"]


def test_label_metrics_do_not_apply_to_a_target_domain_of_one_label(parts):
    real, given, _, labels = parts
    known = Correspondence(label1=labels["label1"], label2=np.ones(75))
    for metric in (destination, label_transfer):
        with pytest.raises(NotApplicable, match="of one label"):
            metric.score(Translation(**real, x12=given["x12"]), known)


def test_metrics_do_not_apply_where_all_cells_are_in_known_pairs(parts):
    real, given, target, labels = parts
    known = Correspondence(**target, **labels, pairs=[(i, i) for i in range(59)])
    for metric in (mse, foscttm, knn_auc, superimposition, pearson):
        with pytest.raises(NotApplicable, match="fewer than two cells"):
            metric.score(Translation(**real, x12=given["x12"]), known)


def broken(x):
    x = x.copy()
    x[1, 1] = np.nan
    return x


BAD_TRANSLATIONS = {
    "not finite": (DataError, "x12 has values that are not finite, 1 of", lambda r, g: r | {"x12": broken(g["x12"])}),
    "real not finite": (DataError, "x2 has values", lambda r, g: r | {"x2": broken(r["x2"])}),
    "one cell": (DataError, "at least 2", lambda r, g: {"x1": r["x1"][:1], "x2": r["x2"]}),
    "wrong cells": (ShapeError, "x12 has shape", lambda r, g: r | {"x12": g["x12"][1:]}),
    "wrong features": (ShapeError, "x21 has shape", lambda r, g: r | {"x21": g["x21"][:, 1:]}),
    "no matrix": (ShapeError, "x1 has shape", lambda r, g: r | {"x1": r["x1"].ravel()}),
    "half a joint space": (DataError, "one of z1 and z2", lambda r, g: r | {"z1": r["x1"]}),
    "two joint spaces": (ShapeError, "z2 has shape", lambda r, g: r | {"z1": r["x1"], "z2": r["x2"]}),
}


@pytest.mark.parametrize("case", BAD_TRANSLATIONS)
def test_invalid_translations_raise(parts, case):
    real, given, _, _ = parts
    error, message, change = BAD_TRANSLATIONS[case]
    with pytest.raises(error, match=message):
        Translation(**change(real, given))


BAD_CORRESPONDENCES = {
    "target not finite": (DataError, "target12 has values", lambda t, p: {"target12": broken(t["target12"])}),
    "target of other cells": (ShapeError, "target12 has shape", lambda t, p: {"target12": t["target12"][1:]}),
    "target of other features": (ShapeError, "target21 has shape", lambda t, p: {"target21": t["target21"][:, 1:]}),
    "columns out of range": (
        DataError,
        "columns12 holds 0 to 6",
        lambda t, p: {"target12": t["target12"][:, :2], "columns12": [0, 6]},
    ),
    "labels of other cells": (ShapeError, "label1 has 3", lambda t, p: {"label1": ["a", "b", "c"]}),
    "a missing label": (DataError, "1 of 3 cells of domain 2", lambda t, p: {"label2": ["a", None, "c"]}),
    "partners of other cells": (ShapeError, "partner has 75", lambda t, p: {"partner": np.arange(75)}),
    "partner out of range": (DataError, "partner holds", lambda t, p: {"partner": p + 70}),
    "two with one partner": (DataError, "same partner", lambda t, p: {"partner": p // 2}),
    "partner of no number": (ShapeError, "whole numbers", lambda t, p: {"partner": p + 0.5}),
    "pairs out of range": (DataError, "pairs holds", lambda t, p: {"pairs": [(0, 75)]}),
    "names of other features": (ShapeError, "features2 has 2", lambda t, p: {"features2": ["a", "b"]}),
    "a name twice": (DataError, "not unique", lambda t, p: {"features2": ["a"] * 6}),
    "scored out of range": (DataError, "scored holds", lambda t, p: {"scored": [6]}),
}


@pytest.mark.parametrize("case", BAD_CORRESPONDENCES)
def test_ground_truth_that_does_not_fit_the_cells_raises(parts, case):
    real, given, target, _ = parts
    error, message, made_of = BAD_CORRESPONDENCES[case]
    translation, knows = Translation(**real, **given), made_of(target, np.arange(60))
    with pytest.raises(error, match=message):
        score_translation(translation, Correspondence(**knows), ["mse"])
