"""Scores of the cell cycle against scanpy, of the cells of each batch with all their genes."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from realdata import real_file

from portal_lib.preparation import prepare, read_h5ad
from portal_lib.preparation.cell_cycle import ORGANISMS, cycle_genes, genes_of
from portal_lib.preparation.organisms import KNOWN, organism_of

SCORES = ["S_score", "G2M_score"]
KEYS = {"batch_key": "batch", "label_key": "cell_type"}


def scores_of_scanpy(adata, organism):
    """Scores by scanpy of each batch alone, in the order of the cells."""
    logged = AnnData(adata.X.astype(np.float64), obs=adata.obs, var=adata.var[[]])
    columns, _ = cycle_genes(adata.var_names, organism)
    phases = [list(adata.var_names[of_phase]) for of_phase in columns]
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.normalize_total(logged, target_sum=1e4)
        sc.pp.log1p(logged)
        for name in logged.obs["batch"].unique():
            part = logged[logged.obs["batch"] == name].copy()
            sc.tl.score_genes_cell_cycle(part, *phases)
            made.append(part.obs[SCORES])
    return pd.concat(made).loc[adata.obs_names]


@pytest.fixture(scope="module")
def counts():
    """Two batches of counts with genes of the cell cycle by name, in mixed order."""
    rng = np.random.default_rng(0)
    cycle = [name for names, _ in genes_of("human").values() for name in names]
    names = rng.permutation([*cycle, *(f"gene{number}" for number in range(911))])
    rates = rng.gamma(0.5, 2.0, (1, len(names))) * rng.gamma(5, 0.2, (300, 1))
    obs = pd.DataFrame({"batch": rng.choice(["a", "b"], 300), "cell_type": "x"}, index=[f"c{i}" for i in range(300)])
    matrix = sp.csr_matrix(rng.poisson(rates).astype(np.float32))
    return AnnData(matrix, obs=obs, var=pd.DataFrame(index=pd.Index(names)))


@pytest.mark.parametrize("chunk", [700, 20_000, None])
@pytest.mark.parametrize("on_disk", [False, True])
def test_scores_equal_scanpy_for_any_chunk(counts, tmp_path, monkeypatch, chunk, on_disk):
    if chunk:
        monkeypatch.setattr("portal_lib.preparation.reading.rows.CHUNK", chunk)
    data = counts
    if on_disk:
        data = tmp_path / "counts.h5ad"
        counts.write_h5ad(data)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    prepared = prepare(data, **KEYS, n_top_genes=100, n_highly_variable=100, organism="human")
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_allclose(prepared.obs[SCORES], scores_of_scanpy(counts, "human"), atol=1e-12)
    assert prepared.uns["preparation"]["cell_cycle"] == "43 genes of S and 54 of G2/M are among the human genes"
    phases = prepared.var["cell_cycle"].dropna()
    for phase, (names, _) in genes_of("human").items():
        assert set(phases.index[phases == phase]) == set(names)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize(("name", "organism"), [("kang_ifnb_labelled", "human"), ("mesc_scmerge", "mouse")])
def test_scores_equal_scanpy_on_whole_data_sets(name, organism, tmp_path):
    """From the file, to a file: scores are of all genes, however few are stored."""
    path = real_file("h5ad", f"{name}.h5ad")
    prepare(path, **KEYS, n_top_genes=300, n_highly_variable=300, organism=organism, out=tmp_path / "made.h5ad")
    made, adata = read_h5ad(tmp_path / "made.h5ad"), read_h5ad(path)
    assert made.n_vars < 1000 < adata.n_vars
    np.testing.assert_allclose(made.obs[SCORES], scores_of_scanpy(adata, organism), atol=1e-12)


@pytest.mark.parametrize(
    ("organism", "reason"),
    [
        (None, "the organism is not stated"),
        ("simulated", "no genes of the cell cycle are known for the organism 'simulated'"),
        ("mouse", "0 genes of S and 0 of G2/M are among the mouse genes"),
    ],
)
def test_the_record_says_why_there_are_no_scores(counts, organism, reason):
    prepared = prepare(counts, **KEYS, n_top_genes=100, n_highly_variable=100, organism=organism)
    assert not set(SCORES) & set(prepared.obs)
    assert prepared.uns["preparation"]["cell_cycle"] == reason
    assert prepared.var["cell_cycle"].isna().all()


@pytest.mark.parametrize("organism", ["human", "Homo sapiens", "Human"])
def test_ids_with_a_version_are_found(organism):
    ids = [f"{name}.{number}" for number, (_, ids) in enumerate(genes_of("human").values()) for name in ids]
    columns, text = cycle_genes(pd.Index([*ids, "MCM5", "gene.1"]), organism)
    assert [len(of_phase) for of_phase in columns] == [43, 54]
    assert text.startswith("43 genes of S and 54 of G2/M")


def test_a_batch_without_control_genes_is_noted_and_its_scores_are_0(counts):
    """In batch b the genes of a phase fill bins of their own: 43 above 54, of 1,008 genes in bins of 42."""
    s, g2m = cycle_genes(counts.var_names, "human")[0]
    of_b = np.flatnonzero(counts.obs["batch"] == "b")
    matrix = counts.X.toarray()
    matrix[of_b] = 0
    for columns, lowest in ((s, 60), (g2m, 1)):
        matrix[np.ix_(of_b, columns)] = np.random.default_rng(0).integers(lowest, lowest + 9, (len(of_b), len(columns)))
    changed = AnnData(sp.csr_matrix(matrix), obs=counts.obs, var=counts.var)
    prepared = prepare(changed, **KEYS, n_top_genes=90, n_highly_variable=90, organism="human")
    is_b = prepared.obs["batch"] == "b"
    assert (prepared.obs.loc[is_b, SCORES] == 0).all(axis=None)
    assert (prepared.obs.loc[~is_b, SCORES] != 0).all(axis=None)
    notes = prepared.uns["preparation"]["notes"]
    assert "no control genes for scores of the cell cycle, which are 0, in 'b'." in notes


def test_organisms_have_one_spelling_and_those_that_are_known_have_genes():
    assert [organism_of(name) for name in ("Human", "Homo_sapiens", " mus  musculus ", "Rat", None)] == [
        *("human", "human", "mouse", "rat", "none")
    ]
    assert set(KNOWN) == set(ORGANISMS)
    assert genes_of("Homo_Sapiens") == genes_of("human") is not None
