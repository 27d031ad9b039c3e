"""kBET: scib's search of neighbours with R's test in plain numpy, and the rules in plain numpy, are the oracles."""

import numpy as np
import pytest
from scib_oracle import as_anndata, scib_kbet
from scipy import sparse
from scipy.stats import chi2, chisquare
from scored_cells import embeddings, made_cells, neighbor_graph

from portal_lib.errors import NotApplicable
from portal_lib.metrics import _kbet, _kernels
from portal_lib.metrics._space import Space, Truth
from portal_lib.metrics.scib import kbet


def r_test(batch, neighbors, k0):
    """Rejection rate of R's kBET where every cell is tested: one loop, as in R; NaN is no neighbour."""
    names, counts = np.unique(batch, return_counts=True)
    shares, rejected = counts / len(batch), 0
    for cell, around in enumerate(neighbors):
        around = np.append(around[: k0 - 1], cell)
        seen = [np.sum(batch[around[~np.isnan(around)].astype(int)] == name) for name in names]
        statistic = np.sum((seen - shares * len(around)) ** 2 / (shares * len(around)))
        rejected += 1 - chi2.cdf(statistic, len(names) - 1) < 0.05
    return rejected / len(batch)


def dense_neighbors(adata, k):
    """Scib's rule for neighbours on a dense matrix, strongest first."""
    graph = adata.obsp["connectivities"].toarray().astype(float)
    step = graph / graph.sum(axis=1, keepdims=True)
    power = step @ step @ step
    total = step + step @ step + power
    for _ in range(22):
        if (total > 0).sum(axis=1).min() > k:
            break
        power = power @ step
        total = total + power
    assert (total > 0).sum(axis=1).min() > k
    np.fill_diagonal(total, 0)
    return np.argsort(-total, axis=1, kind="stable")[:, :k]


def fixed_neighbors(label):
    """The rule for neighbours with rows of the label, also within a component, where scib takes the wrong rows."""
    position = {}
    for one in np.unique(label):
        position |= {str(row): place for place, row in enumerate(np.flatnonzero(label == one))}

    def neighbors(adata, k):
        rows = np.array([position[name] for name in adata.obs_names])
        return rows[dense_neighbors(adata, k)]

    return neighbors


@pytest.mark.parametrize("control", ["unintegrated", "centred", "shuffle", "label_embedding_jittered"])
def test_kbet_of_made_cells_equals_scib(scib, monkeypatch, made, control):
    embedding = embeddings(made)[control]
    theirs = scib_kbet(scib, monkeypatch, as_anndata(made, embedding), "embed", r_test, fixed_neighbors(made.label))
    assert kbet.score(Space(embedding), Truth(made.batch, made.label)) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["kang_ifnb_labelled", "scmixology", "emb_celllines_2370", "mesc_scmerge"])
@pytest.mark.parametrize("control", ["centred"])
def test_kbet_of_real_cells_equals_scib(scib, monkeypatch, real, name, control):
    cells = real(name)
    embedding = embeddings(cells)[control]
    ours = kbet.score(Space(embedding), Truth(cells.batch, cells.label))
    theirs = scib_kbet(scib, monkeypatch, as_anndata(cells, embedding), "embed", r_test, fixed_neighbors(cells.label))
    assert ours == pytest.approx(theirs, abs=1e-6)
    # With scib's own neighbours, one of which is left out by the order of the cells.
    assert ours == pytest.approx(scib_kbet(scib, monkeypatch, as_anndata(cells, embedding), "embed", r_test), abs=0.02)


def test_kbet_of_disconnected_labels_equals_scib(scib, monkeypatch):
    cells = made_cells(500)
    embedding = cells.embedding.copy()
    far = np.random.default_rng(0).uniform(size=500)
    embedding[(cells.label == "0") & (far < 0.5)] += 500
    embedding[(cells.label == "1") & (far < 0.15)] -= 500
    embedding[(cells.label == "2") & (far < 0.4)] += 900
    ours = kbet.score(Space(embedding), Truth(cells.batch, cells.label))
    theirs = scib_kbet(scib, monkeypatch, as_anndata(cells, embedding), "embed", r_test, fixed_neighbors(cells.label))
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_kbet_of_a_graph_equals_scib(scib, monkeypatch, made):
    embedding = embeddings(made)["centred"]
    adata = as_anndata(made, embedding)
    ours = kbet.score(Space(connectivities=adata.obsp["connectivities"]), Truth(made.batch, made.label))
    theirs = scib_kbet(scib, monkeypatch, adata, "knn", r_test, fixed_neighbors(made.label))
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_p_values_equal_pearsons_chi_square_test():
    rng = np.random.default_rng(0)
    batch, shares = rng.integers(0, 3, 200), np.array([0.2, 0.5, 0.3])
    neighbors = rng.integers(0, 200, (200, 14))
    found = _kbet.p_values(neighbors, batch, shares)
    for cell in range(0, 200, 20):
        seen = np.bincount(batch[np.append(neighbors[cell], cell)], minlength=3)
        assert found[cell] == pytest.approx(chisquare(seen, shares * 15).pvalue)


def test_a_cell_without_neighbours_is_tested_against_a_full_neighbourhood():
    found = _kbet.p_values(np.full((2, 9), -1), np.array([0, 1]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(found, chi2.sf((1 - 5) ** 2 / 5 + 5, 1))


@pytest.mark.parametrize("n_powers", [3, 5])
def test_largest_entries_of_powers_equal_dense_matrices(made, n_powers):
    graph = neighbor_graph(made.embedding.astype(float), 15 if n_powers == 3 else 3)
    step = graph.toarray() / graph.toarray().sum(axis=1, keepdims=True)
    total = sum(np.linalg.matrix_power(step, power) for power in range(1, n_powers + 1))
    np.fill_diagonal(total, 0)
    n_each = int((total > 0).sum(axis=1).min())
    largest, n_entries = np.empty((400, n_each), np.int32), np.empty(400, np.int64)
    weights = graph.data / np.repeat(np.asarray(graph.sum(axis=1, dtype=float)).ravel(), np.diff(graph.indptr))
    _kernels.largest_of_powers(graph.indptr, graph.indices, weights, n_powers, 0, 400, largest, n_entries)
    np.testing.assert_array_equal(n_entries, (total > 0).sum(axis=1) + 1)
    np.testing.assert_allclose(np.sort(np.take_along_axis(total, largest, 1)), np.sort(total)[:, -n_each:], rtol=1e-9)


def test_mixed_batches_are_accepted_at_the_rate_of_the_test():
    rng = np.random.default_rng(0)
    embedding, batch = rng.normal(size=(1500, 4)), rng.integers(0, 2, 1500)
    assert kbet.score(Space(embedding), Truth(batch, np.zeros(1500))) == pytest.approx(0.95, abs=0.04)
    assert kbet.score(Space(embedding + 9 * batch[:, None]), Truth(batch, np.zeros(1500))) == 0


def test_kbet_says_why_it_does_not_apply(made):
    with pytest.raises(NotApplicable, match="no label has ten cells and several batches"):
        kbet.score(Space(made.embedding), Truth(made.batch, np.arange(400) // 9))
    path = Space(connectivities=sparse.diags([1.0, 1.0], [1, -1], shape=(400, 400)).tocsr())
    with pytest.raises(NotApplicable, match="no 50 neighbours within 25 steps"):
        kbet.score(path, Truth(made.batch, np.zeros(400)))


def test_without_labels_all_cells_are_tested_together():
    rng = np.random.default_rng(0)
    batch = np.arange(240) % 2
    mixed, apart = rng.normal(size=(240, 5)), rng.normal(size=(240, 5)) + 9 * batch[:, None]
    for embedding, low, high in ((mixed, 0.8, 1.0), (apart, 0.0, 0.05)):
        alone = kbet.score(Space(embedding), Truth(batch))
        assert low <= alone <= high
        assert alone == kbet.score(Space(embedding), Truth(batch, np.zeros(240)))


def test_a_label_with_too_few_neighbours_counts_as_rejected():
    cells = made_cells(44)
    label = np.arange(44) // 11
    assert kbet.score(Space(cells.embedding), Truth(cells.batch, label)) in (0, 0.25, 0.5, 0.75, 1)
    assert kbet.score(Space(cells.embedding[:10]), Truth(cells.batch[:10], np.zeros(10))) == 0
