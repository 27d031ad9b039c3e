"""Metrics of the Portal paper: scikit-learn, scib's regression, plain loops and the lambda search are the oracles."""

from importlib import import_module

import numpy as np
import pytest
from scipy.stats import chi2
from scored_cells import embeddings, made_cells, space_of
from sklearn.metrics import adjusted_rand_score, f1_score, silhouette_score
from sklearn.neighbors import NearestNeighbors

from portal_lib.errors import NotApplicable
from portal_lib.metrics import _kbet
from portal_lib.metrics._clusters import louvain, shared_neighbors
from portal_lib.metrics._scaled import scaled
from portal_lib.metrics._space import Space, Truth
from portal_lib.metrics.portal import (
    mixing_metric,
    portal_ari,
    portal_ari_per_batch,
    portal_asw_batch,
    portal_asw_label,
    portal_cell_cycle,
    portal_isolated_asw,
    portal_isolated_f1,
    portal_kbet,
    portal_pcr,
)


def truth_of(cells):
    return Truth(cells.batch, cells.label)


def test_silhouettes_equal_scikit_learn(made):
    space, truth = Space(made.embedding), truth_of(made)
    expected = (1 - silhouette_score(made.embedding, made.batch)) / 2
    assert portal_asw_batch.score(space, truth) == pytest.approx(expected, abs=1e-6)
    expected = (1 + silhouette_score(made.embedding, made.label)) / 2
    assert portal_asw_label.score(space, truth) == pytest.approx(expected, abs=1e-6)
    expected = (1 + silhouette_score(made.embedding, made.label == "4")) / 2
    assert portal_isolated_asw.score(space, truth) == pytest.approx(expected, abs=1e-6)


def test_cluster_metrics_equal_scikit_learn(made):
    space = Space(made.embedding)
    clusters, truth = space.louvain_clusters, truth_of(made)
    assert portal_ari.score(space, truth) == pytest.approx(adjusted_rand_score(made.label, clusters))
    per_batch = [
        adjusted_rand_score(made.label[made.batch == one], clusters[made.batch == one]) for one in ("0", "1", "2")
    ]
    assert portal_ari_per_batch.score(space, truth) == pytest.approx(np.mean(per_batch))
    best = max(f1_score(made.label == "4", clusters == one) for one in np.unique(clusters))
    assert portal_isolated_f1.score(space, truth) == pytest.approx(best)


def test_overlap_of_neighbours_is_the_jaccard_index(made):
    indices = NearestNeighbors(n_neighbors=20).fit(made.embedding).kneighbors(return_distance=True)[1]
    graph = shared_neighbors(indices).toarray()
    for one, other in np.random.default_rng(0).integers(0, 400, (500, 2)):
        both = len(np.intersect1d(indices[one], indices[other]))
        expected = both / len(np.union1d(indices[one], indices[other]))
        assert graph[one, other] == pytest.approx(expected if expected >= 1 / 15 else 0)


def test_louvain_separates_distant_labels_and_is_reproducible():
    cells = made_cells(500)
    indices = NearestNeighbors(n_neighbors=20).fit(cells.embedding + 20 * cells.label.astype(int)[:, None]).kneighbors()
    graph = shared_neighbors(indices[1])
    clusters = louvain(graph)
    np.testing.assert_array_equal(clusters, louvain(graph))
    # No cluster spans two labels.
    assert all(len(np.unique(cells.label[clusters == one])) == 1 for one in np.unique(clusters))


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore:Argument `use_highly_variable`:FutureWarning")
def test_pcr_of_scaled_expression_equals_scibs_regression(scib, real):
    import scanpy as sc

    cells = real("kang_ifnb_labelled")
    values = cells.expression.astype(np.float64).toarray()
    dense = np.maximum(sc.pp.scale(values.copy(), max_value=10), -10)
    ours = scaled(cells.expression).toarray()
    np.testing.assert_allclose(ours - ours.mean(axis=0), dense - dense.mean(axis=0), atol=1e-5)
    regress = import_module("scib.metrics.pcr").pc_regression
    embedding = embeddings(cells)["centred"].astype(float) + 0.3 * (cells.batch == "stim")[:, None]
    before, after = (regress(part, cells.batch, n_comps=count) for part, count in ((dense, 50), (embedding, 30)))
    space = Space(embedding, expression=(cells.expression, cells.genes))
    assert portal_pcr.score(space, truth_of(cells)) == pytest.approx((before - after) / before, abs=1e-6)


def test_portal_pcr_is_negative_where_batches_explain_more_than_before(made):
    by_batch = made.embedding + 50 * (made.batch == "0")[:, None]
    assert portal_pcr.score(space_of(made, by_batch), truth_of(made)) < 0


def test_scaled_expression_conserves_the_cell_cycle(made):
    ours = portal_cell_cycle.score(space_of(made, scaled(made.expression).toarray()), truth_of(made))
    assert ours > 0.9
    random = np.random.default_rng(0).normal(size=(400, 10))
    assert portal_cell_cycle.score(space_of(made, random), truth_of(made)) < 0.3


def r_kbet(points, batch, search):
    """Share of p > 0.05 by R's kBET with its defaults, cell by cell; `search` finds the size of the neighbourhood."""
    codes, n_cells = np.unique(batch, return_inverse=True)[1], len(batch)
    shares = np.bincount(codes) / n_cells
    most = int(n_cells / len(shares) * 0.75)
    around = NearestNeighbors(n_neighbors=most).fit(points).kneighbors(return_distance=False)

    def p_value(rows, expected):
        numbers = expected * len(rows)
        return chi2.sf(
            np.sum((np.bincount(codes[rows], minlength=len(shares)) - numbers) ** 2 / numbers), len(shares) - 1
        )

    def p_values(size, expected):
        return np.array([p_value(np.append(around[cell, : size - 1], cell), expected) for cell in range(n_cells)])

    size = search(lambda size: float(np.mean(p_values(size, shares) < 0.05)), most)
    outside = np.setdiff1d(np.arange(n_cells), around[:, : most - 1])
    if len(outside) and p_value(outside, shares) < 0.05:
        shares = np.bincount(np.delete(codes, outside)) / (n_cells - len(outside))
    return np.mean(p_values(size, shares) > 0.05)


@pytest.mark.parametrize("shift", [0, 0.3, 0.6, 3])
def test_portal_kbet_equals_the_rules_of_r_cell_by_cell(shift):
    cells = made_cells(300)
    points = cells.embedding + shift * cells.batch.astype(int)[:, None]

    def search(function, most):
        return _kbet.largest_by_bisection(function, 10, most)

    ours = portal_kbet.score(Space(points), Truth(cells.batch))
    assert ours == pytest.approx(r_kbet(points.astype(float), cells.batch, search), abs=1e-9)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda size: 0.5, 100),  # the same everywhere: the bounds stay
        (lambda size: 0.0, 100),
        (lambda size: size / 100, 100),  # bounds 55, 78 and 100, which R compares with what it knew of 55, then 89
        (lambda size: min(size, 60) / 100, 89),  # 55 and 100, 78 and 100, then 78 and 89, which are alike
        (lambda size: 1 - size / 100, 100),  # 55, 32, 21 to 26, five apart and not alike: R keeps what it had
        (lambda size: 1.0 if 50 < size < 60 else 0.0, 100),  # the middle alone is higher: 32, 44, 50 to 55
    ],
)
def test_bisection_finds_the_neighbourhood_size_of_r(function, expected):
    found = _kbet.largest_by_bisection(function, 10, 100)
    assert found == expected


def bounds_by_r(function, bounds, known=None):
    """The bisection of R's kBET, call by call; None where it gives no bounds."""
    low, high = bounds
    width, middle = high - low, round((low + high) / 2)
    fresh = [function(bound) for place, bound in enumerate(bounds) if known is None or known[place] == 0]
    left = iter(fresh)
    values = [known[place] if known and known[place] != 0 else next(left) for place in (0, 1)]
    rise = values[1] - values[0]
    if rise < -0.01 and width > 5:
        return bounds_by_r(function, (low, middle), (fresh[0], 0))
    if rise > 0.01 and width > 5:
        return bounds_by_r(function, (middle, high), (0, fresh[0] if known else fresh[1]))
    if known:
        return bounds if abs(rise) < 0.01 or width < 5 else None
    away = [abs(value - function(middle)) for value in values]
    if abs(rise) >= 0.01:
        return None
    if max(away) < 0.01 or width < 5:
        return bounds
    if away[0] > 0.01:
        return bounds_by_r(function, (low, middle), (fresh[0], 0))
    return bounds_by_r(function, (middle, high), (0, fresh[1])) if away[1] > 0.01 else None


def test_bisection_ends_at_the_bounds_of_r():
    rng, moved = np.random.default_rng(0), 0
    for _ in range(500):
        high = int(rng.integers(10, 400))
        start, spread = rng.uniform(0, 1) * rng.integers(0, 2), 0.02 * rng.integers(0, 2)
        steps = np.clip(start + spread * np.cumsum(rng.normal(size=401)), 0, 1)
        bounds = bounds_by_r(lambda size, steps=steps: float(steps[size]), (10, high))
        found = _kbet.largest_by_bisection(lambda size, steps=steps: float(steps[size]), 10, high)
        assert found == (high if bounds is None else bounds[1])
        moved += found != high
    assert moved > 100


def test_portal_kbet_of_samples_is_reproducible(monkeypatch):
    monkeypatch.setattr(portal_kbet, "N_SAMPLES", 8)
    cells = made_cells(2500)
    one, other = (portal_kbet.score(Space(cells.embedding), Truth(cells.batch)) for _ in range(2))
    assert one == other
    assert 0 < one < 1
    moved = portal_kbet.score(Space(cells.embedding + 5 * cells.batch.astype(int)[:, None]), Truth(cells.batch))
    assert moved == 0


def test_portal_kbet_does_not_apply_to_small_batches():
    cells = made_cells(30)
    with pytest.raises(NotApplicable, match="too small for a neighbourhood of 10"):
        portal_kbet.score(Space(cells.embedding), Truth(cells.batch))


@pytest.mark.parametrize("n_batches", [2, 3])
@pytest.mark.parametrize("n_cells", [200, 1500])
def test_mixing_metric_equals_that_of_the_lambda_search(n_cells, n_batches):
    from portal_lib.training.mixing import mixing_metric as of_the_search

    cells = made_cells(n_cells)
    batch = cells.batch.astype(int) % n_batches
    ours = mixing_metric.score(Space(cells.embedding), Truth(batch))
    assert ours == pytest.approx(of_the_search(cells.embedding, batch), abs=1e-9)


def test_separate_batches_have_the_largest_mixing_metric():
    cells = made_cells(2000)
    batch = cells.batch.astype(int) % 2
    apart = cells.embedding + 100 * batch[:, None]
    assert mixing_metric.score(Space(apart), Truth(batch)) == pytest.approx((4 + 299) / 2 + 1)
