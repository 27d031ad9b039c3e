import numpy as np
import pytest

from portal_lib.datasets.align import gaussians

MEANS = {
    "1": {"0": (-1.3, 2.2), "1": (0.1, 1.8), "2": (0.8, 2.0)},
    "2": {"0": (-0.9, -2.0), "1": (0.0, -2.3), "2": (1.5, -1.5)},
}


def sides(domains, truth):
    return {"1": (domains.x1, truth.label1), "2": (domains.x2, truth.label2)}


@pytest.mark.parametrize("sd", [0.1, 0.3])
def test_clusters_lie_where_the_paper_has_them(sd):
    """Means within five standard errors, spread within a tenth."""
    for side, (x, label) in sides(*gaussians.load(n_cells=2000, sd=sd)).items():
        assert x.shape == (6000, 2)
        for name, mean in MEANS[side].items():
            cells = x.to_numpy()[label == name]
            assert len(cells) == 2000
            assert np.allclose(cells.mean(axis=0), mean, rtol=0, atol=5 * sd / 2000**0.5)
            assert np.allclose(cells.std(axis=0), sd, rtol=0.1)


def test_the_first_coordinate_alone_is_told():
    domains, truth = gaussians.load(n_cells=5)
    (correspondence,) = domains.correspondences
    assert correspondence.shared == ((domains.x1.columns[0], domains.x2.columns[0]),)
    assert correspondence.pairs == correspondence.hidden == ()
    assert not domains.standardise
    assert (truth.target12, truth.target21, truth.partner) == (None, None, None)


def test_what_is_told_orders_the_clusters_and_the_whole_distance_would_mislead():
    order, means = list("012"), {side: np.array(list(clusters.values())) for side, clusters in MEANS.items()}
    domains, truth = gaussians.load(n_cells=500)
    for x, label in sides(domains, truth).values():
        first = x.iloc[:, 0].groupby(label).mean()
        assert list(first.sort_values().index) == order
    distance = np.linalg.norm(means["1"][1] - means["2"], axis=1)
    assert np.allclose(distance[1:], [4.10, 3.58], atol=0.01)


def test_the_place_of_a_cell_says_nothing_of_its_cluster():
    domains, truth = gaussians.load(n_cells=3000)
    for _, label in sides(domains, truth).values():
        third = label[:3000]
        assert max(abs((third == name).mean() - 1 / 3) for name in "012") < 0.05
    assert (truth.label1 != truth.label2).mean() > 0.6


def test_same_seed_same_bytes_other_seed_other_bytes():
    (first, _), (again, _), (other, _) = (gaussians.load(n_cells=50, seed=seed) for seed in (4, 4, 5))
    assert first.x1.equals(again.x1)
    assert first.x2.equals(again.x2)
    assert not first.x1.equals(other.x1)
    assert not first.x2.equals(other.x2)
