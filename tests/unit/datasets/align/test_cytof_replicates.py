import cytofkit_files
import numpy as np
import pytest
from scipy.optimize import brentq, least_squares
from scipy.stats import norm
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors

from portal_lib.datasets.align import _cytofkit, cytof_replicates

MARKERS = list(_cytofkit.MARKERS)
LOST, FAINT = MARKERS.index("CD45RA"), MARKERS.index("HLA-DR")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """401 cells: CD45RA is bimodal, CD3 too, and every tenth value is a little below zero."""
    rng = np.random.default_rng(0)
    values = rng.gamma(2.0, 6.0, (401, 40))
    values[:, LOST] = np.where(rng.random(401) < 0.5, rng.normal(3, 1, 401), rng.normal(60, 9, 401))
    values[:, MARKERS.index("CD3")] = rng.gamma(2.0, 10.0, 401) + np.where(rng.random(401) < 0.7, 30.0, 0.0)
    values[rng.random(values.shape) < 0.1] = -0.5
    return cytofkit_files.write(tmp_path, values.astype(np.float32), monkeypatch)


def raw(folder, **params):
    """Domains and truth with the common scale undone: fitted on target12 and the counts it must come from."""
    domains, truth = cytof_replicates.load(folder, **params)
    values = _cytofkit.read_markers(folder)
    whole = np.concatenate([truth.target12, domains.x2])
    scale = values.std(axis=0) / whole.std(axis=0)
    centre = values.mean(axis=0) - whole.mean(axis=0) * scale
    tables = {"x1": domains.x1, "x2": domains.x2, "target12": truth.target12, "target21": truth.target21}
    return {name: table.to_numpy() * scale + centre for name, table in tables.items()}, values


def test_domain_2_and_the_truth_of_domain_1_are_the_undistorted_cells(small):
    found, values = raw(small)
    cells = np.concatenate([found["target12"], found["x2"]])
    assert len(found["x1"]) == 201
    assert np.allclose(cells[np.lexsort(cells.T)], values[np.lexsort(values.T)], atol=1e-9)


@pytest.mark.parametrize(("clean", "distorted"), [("target12", "x1"), ("x2", "target21")])
def test_the_distortion_equals_its_equation_with_one_curve_per_marker(small, clean, distorted):
    """X' = max(0, s max(0, x)^g + t): s, g and t fitted where x' is above zero explain every cell."""
    found, _ = raw(small)
    for marker in range(40):
        x, y = np.maximum(found[clean][:, marker], 0), found[distorted][:, marker]
        if marker == LOST:
            continue
        if marker == FAINT:
            assert np.allclose(y, 0.2 * x, atol=1e-9)
            continue
        seen = (y > 1e-6) & (x > 0)
        fit = least_squares(lambda p, x=x[seen], y=y[seen]: p[0] * x ** p[1] + p[2] - y, (1.0, 1.0, 0.0), xtol=1e-14)
        s, g, t = fit.x
        assert np.allclose(y, np.maximum(0, s * x**g + t), atol=1e-5)
        assert 0.8 <= g <= 1.25
        assert abs(np.log(s)) < 1.5
        assert abs(t) < 1.5


def test_both_halves_have_the_same_distortion(small):
    """If a value of one half is between two of the other, so is the distorted one."""
    found, _ = raw(small)
    for marker in (m for m in range(40) if m != LOST):
        x = np.concatenate([found["target12"][:, marker], found["x2"][:, marker]])
        y = np.concatenate([found["x1"][:, marker], found["target21"][:, marker]])
        assert (np.diff(y[np.argsort(x)]) > -1e-9).all()


@pytest.mark.parametrize(("clean", "distorted"), [("target12", "x1"), ("x2", "target21")])
def test_cd45ra_is_lost_in_95_of_100_cells_and_faint_in_the_rest(small, clean, distorted):
    found, _ = raw(small)
    x, y = np.maximum(found[clean][:, LOST], 0), found[distorted][:, LOST]
    faint = np.isclose(y, 0.1 * x, atol=1e-9) & (x > 0)
    assert np.allclose(y[~faint], 0, atol=1e-9)
    n = len(y)
    assert n - round(0.95 * n) - 5 <= faint.sum() <= n - round(0.95 * n)


def test_random_distortions_have_the_stated_spread():
    """s, g and t found from three inputs, over 200 draws of 38 markers."""
    logs, gs, ts = [], [], []
    for seed in range(200):
        distort = cytof_replicates.draw_distortion(np.random.default_rng(seed))
        # Far above zero nothing is cut off: x = 10, 20, 40 give s, g and t.
        y = distort(np.tile([[10.0], [20.0], [40.0]], (1, 40)), np.random.default_rng(0))
        keep = [m for m in range(40) if m not in (LOST, FAINT)]
        a, b, c = y[:, keep]
        g = np.log2((c - b) / (b - a))
        s = (b - a) / (20**g - 10**g)
        logs, gs, ts = [*logs, *np.log(s)], [*gs, *g], [*ts, *(a - s * 10**g)]
    assert np.mean(logs) == pytest.approx(0, abs=0.02)
    assert np.std(logs) == pytest.approx(0.3, abs=0.01)
    assert (min(gs), max(gs)) == pytest.approx((0.8, 1.25), abs=0.002)
    assert np.mean(gs) == pytest.approx(1.025, abs=0.01)
    assert np.std(ts) == pytest.approx(0.3, abs=0.01)


def test_both_domains_have_one_scale_which_keeps_the_batch_effect(small):
    domains, _ = cytof_replicates.load(small)
    both = np.concatenate([domains.x1, domains.x2])
    assert np.allclose(both.mean(axis=0), 0, atol=1e-9)
    assert np.allclose(both.std(axis=0), 1, atol=1e-9)
    assert not domains.standardise
    assert domains.x1["CD45RA"].std() < 0.2 * domains.x2["CD45RA"].std()
    assert domains.x2["HLA-DR"].mean() - domains.x1["HLA-DR"].mean() > 0.5


def test_the_shared_features_change_and_the_data_do_not(small):
    (everything, _), (without, _) = (
        cytof_replicates.load(small, shared=shared) for shared in ("all", "without_CD45RA")
    )
    assert everything.correspondences[0].shared == tuple((marker, marker) for marker in MARKERS)
    assert without.correspondences[0].shared == tuple((marker, marker) for marker in MARKERS if marker != "CD45RA")
    assert everything.x1.equals(without.x1)
    assert everything.x2.equals(without.x2)


def test_populations_are_defined_on_undistorted_values(small):
    domains, truth = cytof_replicates.load(small)
    found, values = raw(small)
    t_cell = values[:, MARKERS.index("CD3")] > 2
    cut = cytof_replicates.mixture_cut(values[t_cell, LOST])
    for clean, label in ((found["target12"], truth.label1), (found["x2"], truth.label2)):
        t, high = clean[:, MARKERS.index("CD3")] > 2, clean[:, LOST] > cut
        assert np.array_equal(label == "other", ~t)
        assert np.array_equal(label == "naive", t & high)
        assert np.array_equal(label == "memory", t & ~high)
    assert len(domains.x1) == len(truth.label1)


def test_the_cut_is_where_both_components_are_equally_likely():
    """Of the two normal distributions that were drawn from, weighted by their numbers of cells."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1.0, 30000), rng.normal(5, 0.5, 10000)])
    cut = cytof_replicates.mixture_cut(values)
    crossing = brentq(lambda x: 0.75 * norm.pdf(x, 0, 1.0) - 0.25 * norm.pdf(x, 5, 0.5), 1, 5)
    assert cut == pytest.approx(crossing, abs=0.05)
    assert cytof_replicates.mixture_cut(-values) == pytest.approx(-cut, abs=0.01)


def test_the_seed_determines_the_bytes(small):
    (first, _), (again, _), (other, _) = (cytof_replicates.load(small, seed=seed) for seed in (0, 0, 1))
    assert first.x1.equals(again.x1)
    assert not first.x1.equals(other.x1)
    assert not first.x2.equals(other.x2)


def kept(domains, truth, predicted):
    """Share of naive and of memory cells whose nearest cell of domain 2 is of the same population."""
    nearest = NearestNeighbors(n_neighbors=1).fit(domains.x2.to_numpy()).kneighbors(predicted)[1][:, 0]
    return {name: (truth.label2[nearest] == name)[truth.label1 == name].mean() for name in ("naive", "memory")}


@pytest.mark.realdata
def test_real_populations_and_baselines_give_the_recorded_numbers(fetched):
    """82 % T cells, cut 1.34, 54 % high; no correction: r .13; quantiles, then neighbours: .84 and .74 kept, r .79."""
    folder = fetched(cytof_replicates)
    values = _cytofkit.read_markers(folder)
    t_cell = values[:, MARKERS.index("CD3")] > 2
    cut = cytof_replicates.mixture_cut(values[t_cell, LOST])
    assert t_cell.mean() == pytest.approx(0.82, abs=0.005)
    assert cut == pytest.approx(1.34, abs=0.01)
    assert (values[t_cell, LOST] > cut).mean() == pytest.approx(0.54, abs=0.01)

    domains, truth = cytof_replicates.load(folder)
    x1, x2, target = domains.x1.to_numpy(), domains.x2.to_numpy(), truth.target12.to_numpy()
    assert np.corrcoef(x1[:, LOST], target[:, LOST])[0, 1] == pytest.approx(0.13, abs=0.03)
    assert min(kept(domains, truth, target).values()) > 0.75
    assert kept(domains, truth, x1)["naive"] < 0.6

    ranks = x1.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") / (len(x1) - 1)
    mapped = np.column_stack([np.quantile(x2[:, m], ranks[:, m]) for m in range(40)])
    others = [m for m in range(40) if m != LOST]
    mapped[:, LOST] = KNeighborsRegressor(20).fit(x2[:, others], x2[:, LOST]).predict(mapped[:, others])
    found = kept(domains, truth, mapped)
    assert found["naive"] == pytest.approx(0.84, abs=0.03)
    assert found["memory"] == pytest.approx(0.74, abs=0.04)
    assert np.corrcoef(mapped[:, LOST], target[:, LOST])[0, 1] == pytest.approx(0.79, abs=0.03)
