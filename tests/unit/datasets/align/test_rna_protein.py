import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import rdata
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV

from portal_lib.datasets.align import rna_protein
from portal_lib.errors import DataError

NAMES = ["IgG1", *(rna_protein.IN_FILE.get(name, name) for name in reversed(rna_protein.PROTEINS)), "CD99"]


def in_r(counts, features, cells=None):
    """Cells × features as the reader of R's files gives them: features × cells, by columns."""
    matrix = sparse.csc_matrix(counts.T)
    cells = [f"cell{i}" for i in range(len(counts))] if cells is None else cells
    parts = {"x": matrix.data, "i": matrix.indices, "p": matrix.indptr, "Dim": np.array(matrix.shape)}
    return SimpleNamespace(**parts, Dimnames=[features, cells])


@pytest.fixture
def content():
    """Sixty cells: 14 proteins in another order than ours, and 300 genes, 40 of them rare."""
    rng = np.random.default_rng(0)
    proteins, rna = rng.poisson(rng.gamma(2, 20, 14), (60, 14)), rng.poisson(rng.gamma(0.5, 4, 300) + 0.5, (60, 300))
    proteins[:20, NAMES.index("CD4")] = proteins[20:35, NAMES.index("CD19")] = 9000
    rna[:, :40] = 0
    rna[:9, :20] = 500
    rna[:10, 20:40] = 1
    genes = [f"hg19_{i}" for i in range(300)]
    tables = {"ADT": in_r(proteins.astype(float), NAMES), "RNA": in_r(rna.astype(float), genes)}
    return {"CITEseq_example": tables}, proteins, rna


@pytest.fixture
def load(content, monkeypatch, tmp_path):
    monkeypatch.setattr("rdata.read_rda", lambda path: content[0])
    return lambda **params: rna_protein.load(tmp_path, **params)


def test_proteins_are_centred_logarithms_and_standardised(load, content):
    domains, _ = load()
    logged = np.log1p(content[1])
    expected = (logged - logged.mean(axis=1, keepdims=True))[:, 12:0:-1]
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0)
    assert list(domains.x1) == list(rna_protein.PROTEINS)
    assert np.allclose(domains.x1, expected, atol=1e-12)


def test_components_are_those_of_scikit_learn_in_units_of_the_first(load, content):
    """Genes found in 9 cells are left out, those found in 10 are kept; totals are over all genes."""
    rna = content[2]
    kept = (rna > 0).sum(axis=0) >= 10
    assert not kept[:20].any()
    assert kept[20:40].all()
    pca = PCA(8, svd_solver="full")
    scores = pca.fit_transform(np.log1p(rna[:, kept] / rna.sum(axis=1, keepdims=True) * 1e4))
    signs = np.sign([row[np.abs(row).argmax()] for row in pca.components_])
    _, truth = load(n_pcs=8)
    assert np.allclose(truth.target12, scores * signs / scores[:, 0].std(), atol=1e-8)
    assert truth.target12["PC01"].std(ddof=0) == pytest.approx(1)


def test_diffusion_is_three_steps_over_the_neighbours_of_a_cell():
    """Against loops; cells of two kinds become more alike within a kind, and a gene that is constant stays so."""
    rng = np.random.default_rng(0)
    values = rng.normal(np.repeat([[0.0], [8.0]], 20, axis=0), 1.0, (40, 6))
    values[:, 5] = 2.5
    scores = PCA(5, svd_solver="full").fit_transform(values)
    steps = np.zeros((40, 40))
    for i in range(40):
        distance = np.linalg.norm(scores - scores[i], axis=1)
        near = np.argsort(distance)
        for j in near[:16]:
            steps[i, j] += np.exp(-distance[j] / distance[near[5]])
            steps[j, i] += np.exp(-distance[j] / distance[near[5]])
    steps /= steps.sum(axis=1, keepdims=True)
    found = rna_protein.diffuse(values)
    assert np.allclose(found, steps @ steps @ steps @ values, atol=1e-10)
    assert np.allclose(found[:, 5], 2.5)
    assert found[:20, 0].std() < 0.5 * values[:20, 0].std()
    assert abs(found[:20, 0].mean() - found[20:, 0].mean()) > 6


def test_smoothed_rna_is_other_rna_of_the_same_cells(load):
    (plain, one), (smooth, two) = load(n_pcs=5), load(n_pcs=5, smooth=True)
    assert not np.allclose(one.target12, two.target12)
    assert plain.x1.equals(smooth.x1)
    assert np.array_equal(one.partner, two.partner)


def test_cells_of_rna_are_shuffled_and_every_partner_is_known(load):
    domains, truth = load(n_pcs=5)
    assert np.array_equal(domains.x2.to_numpy()[truth.partner], truth.target12)
    assert np.array_equal(truth.target21.to_numpy()[truth.partner], domains.x1)
    assert np.array_equal(truth.label2[truth.partner], truth.label1)
    assert set(truth.label1[:20]) == {"CD4+"}
    assert set(truth.label1[20:35]) == {"B"}
    assert (truth.partner != np.arange(60)).mean() > 0.8
    assert sorted(truth.partner) == list(range(60))
    assert not domains.standardise


def test_each_draw_is_of_true_pairs_and_a_run_takes_its_own(load):
    domains, truth = load(n_pairs=7, n_draws=4, n_pcs=5)
    assert len(set(domains.correspondences)) == 4
    for correspondence in domains.correspondences:
        assert len({i for i, _ in correspondence.pairs}) == 7
        assert all(truth.partner[i] == j for i, j in correspondence.pairs)
    assert domains.draw_by_seed
    assert domains.correspondence_numbers(6) == [2]


def test_same_seed_same_bytes_other_seed_other_order_of_the_same_cells(load):
    (first, one), (again, _), (other, two) = (load(seed=seed, n_pcs=5) for seed in (0, 0, 1))
    assert first.x2.equals(again.x2)
    assert first.correspondences == again.correspondences
    assert not first.x2.equals(other.x2)
    assert first.correspondences != other.correspondences
    assert one.target12.equals(two.target12)


def test_more_pairs_than_cells_are_an_error(load):
    with pytest.raises(DataError, match="n_pairs is 61, but there are only 60 cells"):
        load(n_pairs=61)


def test_gates_stand_where_they_are_said_to():
    cells = {
        "B": {"CD19": 2.1, "CD11c": 3.0},
        "CD4+": {"CD4": 3.1, "CD8": 1.9, "CD11c": 2},
        "CD8+": {"CD4": 2.9, "CD8": 2.1, "CD11c": 2},
        "myeloid": {"CD11c": 1.6, "CD4": 2.5, "CD8": 1.9},
        "other": {"CD4": 3.5, "CD8": 3.5, "CD11c": 2, "CD19": 1.9},
    }
    clr = {p: np.array([cell.get(p, 0.0) for cell in cells.values()]) for p in ("CD4", "CD8", "CD11c", "CD19")}
    assert list(rna_protein.gate(clr)) == list(cells)


def test_what_is_not_in_the_file_is_one_error(content, load):
    tables = content[0]["CITEseq_example"]
    tables["ADT"].Dimnames[0] = ["CD4 (2)" if name == "CD4" else name for name in NAMES]
    with pytest.raises(DataError, match=r"CITEseq_example\.rda: .* no protein 'CD4'"):
        load()
    tables["ADT"].Dimnames[1] = tables["ADT"].Dimnames[1][::-1]
    with pytest.raises(DataError, match="not of the same cells in the same order"):
        load()
    tables["ADT"].i = tables["ADT"].i + 1000
    with pytest.raises(DataError, match=r"cannot be read as the R list 'CITEseq_example' of sparse matrices: "):
        load()
    del tables["ADT"]
    with pytest.raises(DataError, match=r"cannot be read as the R list 'CITEseq_example'.*ADT"):
        load()


@pytest.mark.parametrize("body", [b"", b"no R file", b"BZh91AY&SY" + bytes(50), b"RDX3\nX\n" + bytes(20)])
def test_a_file_that_is_none_of_r_is_named(tmp_path, body):
    (tmp_path / "CITEseq_example.rda").write_bytes(body)
    with pytest.raises(DataError, match=r"CITEseq_example\.rda: cannot be read as the R list"):
        rna_protein.load(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"CITEseq_example\.rda: no such file"):
        rna_protein.load(tmp_path)


def foscttm(predicted, real):
    distance = cdist(predicted, real)
    own = np.diag(distance)
    n = len(real)
    return ((distance < own[:, None]).sum() + (distance < own[None]).sum()) / (2 * n * (n - 1))


@pytest.mark.realdata
@pytest.mark.parametrize(("n_pairs", "expected"), [(10, (0.27, 0.84)), (50, (0.15, 0.57))])
def test_ridge_on_real_pairs_gives_what_was_measured_before(fetched, n_pairs, expected):
    """FOSCTTM in the space of proteins, and the error relative to the mean, over five draws."""
    domains, truth = rna_protein.load(fetched(rna_protein), n_pairs=n_pairs)
    assert (domains.x1.shape, domains.x2.shape) == ((500, 12), (500, 30))
    x1, x2, target = domains.x1.to_numpy(), domains.x2.to_numpy(), truth.target21.to_numpy()
    found = []
    for correspondence in domains.correspondences[:5]:
        i, j = np.array(correspondence.pairs).T
        rest = np.setdiff1d(np.arange(500), j)
        predicted = RidgeCV(np.logspace(-2, 4, 13)).fit(x2[j], x1[i]).predict(x2)[rest]
        error = ((predicted - target[rest]) ** 2).mean() / ((target[rest] - target.mean(axis=0)) ** 2).mean()
        found.append((foscttm(predicted, target[rest]), error))
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=0.03)


@pytest.mark.realdata
def test_real_gates_give_the_classes_stated_and_rna_agrees(fetched):
    _, truth = rna_protein.load(fetched(rna_protein))
    sizes = {"B": 18, "CD4+": 129, "CD8+": 251, "myeloid": 33, "other": 69}
    assert dict(zip(*np.unique(truth.label1, return_counts=True), strict=True)) == sizes
    markers = {"hg19_MS4A1": "B", "hg19_LYZ": "myeloid", "hg19_CD8A": "CD8+"}
    path = fetched(rna_protein) / "CITEseq_example.rda"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts, genes, _ = rna_protein._sparse(rdata.read_rda(path)["CITEseq_example"]["RNA"])
    assert ((counts > 0).sum(axis=0) >= 10).sum() == 9361
    for gene, label in markers.items():
        seen = counts[:, [genes.index(gene)]].toarray().ravel() > 0
        assert seen[truth.label1 == label].mean() > 0.75
        for other in set(sizes) - {label, "other"}:
            assert seen[truth.label1 == other].mean() < 0.1
