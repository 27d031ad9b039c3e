import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from portal_lib.datasets.align import digits_rotated
from portal_lib.datasets.align._images import rotate


def test_domain_1_is_the_threes_and_sevens_of_scikit_learn():
    domains, truth = digits_rotated.load()
    images, digits = load_digits(return_X_y=True)
    assert np.array_equal(domains.x1, images[np.isin(digits, (3, 7))] / 16)
    assert dict(zip(*np.unique(truth.label1, return_counts=True), strict=True)) == {"3": 183, "7": 179}
    assert domains.image == (8, 8)
    assert domains.x1.shape == domains.x2.shape == (362, 64)


@pytest.mark.parametrize("angle", [120.0, -45.0])
def test_domain_2_is_domain_1_rotated(angle):
    domains, truth = digits_rotated.load(angle=angle)
    images = domains.x1.to_numpy().reshape(-1, 8, 8)
    turned = rotate(images, angle).reshape(-1, 64)
    assert np.allclose(domains.x2.to_numpy()[truth.partner], turned, atol=1e-12)
    assert np.array_equal(truth.target12, domains.x2.to_numpy()[truth.partner])
    assert np.array_equal(truth.target21.to_numpy()[truth.partner], domains.x1)
    assert domains.x2.min().min() >= 0
    assert domains.x2.max().max() <= 1


@pytest.mark.parametrize("disjoint", [False, True])
def test_classes_stay_apart_when_rotated(disjoint):
    domains, truth = digits_rotated.load(disjoint=disjoint)
    nearest = NearestNeighbors(n_neighbors=2).fit(domains.x2).kneighbors(domains.x2)[1][:, 1]
    assert (truth.label2[nearest] == truth.label2).mean() > 0.99


def test_parameters_reach_the_pairs():
    domains, truth = digits_rotated.load(n_pairs=3, n_draws=7, pair_digit="7", disjoint=True)
    assert len(domains.correspondences) == 7
    assert {len(correspondence.pairs) for correspondence in domains.correspondences} == {3}
    assert {truth.label1[i] for correspondence in domains.correspondences for i, _ in correspondence.pairs} == {"7"}
    assert domains.correspondence_numbers(9) == [2]
