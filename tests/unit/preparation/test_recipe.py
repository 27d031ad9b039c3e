"""The recipe against a literal transcription by scanpy and scikit-learn, and its properties."""

import logging

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from realdata import real_file
from sklearn.decomposition import PCA

from portal_lib.errors import DataError
from portal_lib.preparation import prepare, read_h5ad, write_h5ad_atomic
from portal_lib.preparation.components import principal_components
from portal_lib.preparation.reading.rows import rows_of
from portal_lib.preparation.recipe import GeneSpace

KEYS = {"batch_key": "tech", "label_key": "type"}


def transcription(adata, n_top_genes, n_pcs=30):
    """The published steps in order, batch by batch, by scanpy; returns Portal's genes and their scores.

    Exact ties of the gene score, which scanpy orders by chance, are put in the order of the columns.
    """
    parts = [adata[adata.obs["tech"] == name].copy() for name in adata.obs["tech"].unique()]
    ranked = []
    for part in parts:
        part.X = part.X.astype(np.float64)
        table = sc.pp.highly_variable_genes(part, flavor="seurat_v3", n_top_genes=n_top_genes, inplace=False)
        order = np.argsort(-np.round(table["variances_norm"].to_numpy(), 9), kind="stable")
        ranked.append(table.index[order[:n_top_genes]].tolist())
        sc.pp.normalize_total(part, target_sum=1e4)
        sc.pp.log1p(part)
    genes = [gene for gene in ranked[0] if all(gene in other for other in ranked[1:])]
    scaled = [sc.pp.scale(part[:, genes].X.toarray(), max_value=10) for part in parts]
    return genes, PCA(n_pcs, svd_solver="arpack", random_state=0).fit_transform(np.vstack(scaled))


def assert_highly_variable_genes_are_those_of_scanpy(prepared, adata, n_genes):
    """Scanpy's table; and, since scanpy orders exact ties by chance, its scores ranked in the order of the columns."""
    table = sc.pp.highly_variable_genes(
        adata, flavor="seurat_v3_paper", n_top_genes=n_genes, batch_key="tech", inplace=False
    )
    ranks = pd.DataFrame(index=adata.var_names)
    for name in adata.obs["tech"].unique():
        part = adata[adata.obs["tech"] == name]
        score = sc.pp.highly_variable_genes(part, flavor="seurat_v3", n_top_genes=n_genes, inplace=False)
        order = np.argsort(-np.round(score["variances_norm"].to_numpy(), 9), kind="stable")[:n_genes]
        ranks.loc[adata.var_names[order], name] = np.arange(len(order))
    n_batches, median = ranks.notna().sum(axis=1), ranks.median(axis=1)
    ours, genes = prepared.var, prepared.var_names
    np.testing.assert_array_equal(ours["highly_variable_nbatches"], n_batches[genes])
    np.testing.assert_array_equal(ours["highly_variable_rank"], median[genes].astype(np.float32))
    chosen = genes[ours["highly_variable"]]
    assert set(chosen) == set(adata.var_names[np.lexsort((median, -n_batches))[:n_genes]])
    assert (table.loc[genes, "highly_variable_nbatches"] == n_batches[genes]).mean() > 0.99
    assert table.loc[chosen, "highly_variable"].mean() > 0.99


def assert_forms_equal_scanpy(prepared, adata, n_pcs=50):
    """Components of the three forms of the highly variable genes, from normalisation over all genes."""
    logged = AnnData(adata.X.astype(np.float64), obs=adata.obs, var=adata.var[[]])
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    values = logged[:, prepared.var_names[prepared.var["highly_variable"]]].X.toarray()
    per_batch = np.empty_like(values)
    for name in adata.obs["tech"].unique():
        rows = (adata.obs["tech"] == name).to_numpy()
        per_batch[rows] = sc.pp.scale(values[rows], max_value=10)
    scaled = sc.pp.scale(values.copy(), max_value=10)
    forms = {"X_unintegrated": values, "X_scaled": scaled, "X_scaled_per_batch": per_batch}
    for name, form in forms.items():
        expected = PCA(n_pcs, svd_solver="arpack", random_state=0).fit_transform(form)
        # Up to the sign, which both fix by the loadings.
        found = prepared.obsm[name] * np.sign((prepared.obsm[name] * expected).sum(axis=0))
        np.testing.assert_allclose(found, expected, atol=2e-4, err_msg=name)


def assert_equals_transcription(prepared, adata, n_top_genes, n_genes=2000):
    genes, pca = transcription(adata, n_top_genes)
    assert prepared.var_names[prepared.var["portal"]].tolist() == genes
    assert prepared.uns["preparation"]["portal_rule"] == "intersection"
    np.testing.assert_allclose(prepared.obsm["X_pca"], pca, atol=1e-4)
    assert_highly_variable_genes_are_those_of_scanpy(prepared, adata, n_genes)
    assert_forms_equal_scanpy(prepared, adata)


def test_equals_scanpy_on_made_counts(counts):
    assert_equals_transcription(prepare(counts, **KEYS, n_top_genes=250, n_highly_variable=200), counts, 250, 200)


@pytest.mark.realdata
@pytest.mark.parametrize("n_top_genes", [400, 884])
def test_equals_scanpy_on_real_counts(real_counts, n_top_genes):
    """Without the 12 Drop-seq cells, for which scanpy fails."""
    two = real_counts[real_counts.obs["tech"] != "Drop-seq_3cl"].copy()
    assert_equals_transcription(prepare(two, **KEYS, n_top_genes=n_top_genes), two, n_top_genes)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("name", ["kang_ifnb_labelled", "kang_ifnb_muscat", "mesc_scmerge", "scmixology_3protocols"])
def test_equals_scanpy_on_whole_data_sets(name, tmp_path):
    """From the file, to a file."""
    path = real_file("h5ad", f"{name}.h5ad")
    prepare(path, batch_key="batch", label_key="cell_type", out=tmp_path / "made.h5ad")
    adata = read_h5ad(path)
    adata.obs = adata.obs.rename(columns={"batch": "tech", "cell_type": "type"})
    assert_equals_transcription(read_h5ad(tmp_path / "made.h5ad"), adata, 4000)


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore:Some cells have zero counts")
@pytest.mark.parametrize("variant", ["float64", "int64", "csc", "dense", "unsorted indices", "64-bit pointers"])
def test_equals_scanpy_on_real_counts_in_every_format(real_counts, tmp_path, monkeypatch, variant):
    """With cells without counts, an undetected gene, and a gene that is constant in one batch."""
    monkeypatch.setattr("portal_lib.preparation.reading.rows.CHUNK", 5_000)
    two = real_counts[real_counts.obs["tech"] != "Drop-seq_3cl"].copy()
    matrix = two.X.toarray()
    matrix[[2, 50, 100]] = 0
    matrix[:, 10] = 0
    matrix[(two.obs["tech"] == "10x_3cl").to_numpy(), 20] = 0
    two.X = sp.csr_matrix(matrix)
    other = two.copy()
    other.X = VARIANTS[variant](two.X)
    other.write_h5ad(tmp_path / "a.h5ad")
    prepared = prepare(tmp_path / "a.h5ad", **KEYS, n_top_genes=600)
    assert prepared.uns["preparation"]["notes"][0] == "3 cells have no counts; kept, all values 0."
    assert_equals_transcription(prepared, two, 600)


@pytest.mark.realdata
def test_the_stored_loadings_map_counts_to_scores(real_counts):
    """Scores from raw counts by the formulas alone, in numpy."""
    p = prepare(real_counts, **KEYS, n_highly_variable=300, n_top_genes=600)
    assert 0 < p.var["portal"].sum() < p.n_vars
    x = np.log1p(p.X.toarray().astype(float) * 1e4 / p.obs["total_counts"].to_numpy()[:, None])
    codes = p.obs["batch"].cat.codes.to_numpy()
    z = (x - p.varm["scale_mean"].T[codes]) / p.varm["scale_sd"].T[codes]
    scores = (np.clip(z, -10, 10) - p.var["pca_mean"].to_numpy()) @ p.varm["PCs"]
    np.testing.assert_allclose(p.obsm["X_pca"], scores, atol=1e-4)
    for code in range(3):
        np.testing.assert_allclose(p.varm["scale_mean"][:, code], x[codes == code].mean(axis=0), atol=1e-12)
        sd = x[codes == code].std(axis=0, ddof=1)
        np.testing.assert_allclose(p.varm["scale_sd"][:, code], np.where(sd == 0, 1, sd), atol=1e-12)


@pytest.mark.realdata
def test_the_prepared_object_has_the_documented_elements(real_counts):
    p = prepare(real_counts, **KEYS, n_top_genes=600)
    facts = p.uns["preparation"]
    assert isinstance(p.X, sp.csr_matrix)
    assert p.X.dtype == np.float32
    np.testing.assert_array_equal(p.X.toarray(), real_counts[:, p.var_names].X.toarray())
    np.testing.assert_array_equal(p.obs["total_counts"], real_counts.X.sum(axis=1).A1)
    assert p.obs["total_counts"].dtype == np.float64
    assert p.obs["batch"].cat.categories.tolist() == ["CEL-seq2_3cl", "Drop-seq_3cl", "10x_3cl"]
    assert p.obs["batch"].tolist() == real_counts.obs["tech"].tolist()
    assert p.obs["label"].tolist() == real_counts.obs["type"].tolist()
    assert p.obs_names.tolist() == real_counts.obs_names.tolist()
    assert {k: (v.shape, v.dtype.name) for k, v in p.obsm.items()} == {
        "X_pca": ((132, 30), "float32"),
        "X_unintegrated": ((132, 50), "float32"),
        "X_scaled": ((132, 50), "float32"),
        "X_scaled_per_batch": ((132, 50), "float32"),
    }
    assert {k: v.shape[1] for k, v in p.varm.items()} == {"PCs": 30, "scale_mean": 3, "scale_sd": 3}
    assert facts["batches"].tolist() == ["CEL-seq2_3cl", "Drop-seq_3cl", "10x_3cl"]
    assert facts["cells_per_batch"].tolist() == [60, 12, 60]
    assert facts["genes_per_batch"].tolist() == [600, 600, 600]
    assert (facts["n_genes"], facts["portal_rule"]) == (884, "intersection")
    assert facts["shared_genes"] == facts["portal_genes"] == p.var["portal"].sum()
    assert p.var["highly_variable"].sum() == 884
    assert {name: column.dtype.kind for name, column in p.var.items()} == {
        "portal": "b",
        "highly_variable": "b",
        "highly_variable_nbatches": "i",
        "highly_variable_rank": "f",
        "pca_mean": "f",
        "cell_cycle": "O",
    }


@pytest.mark.realdata
def test_notes_and_warnings_name_the_batch(real_counts, caplog):
    with caplog.at_level(logging.WARNING, logger="portal_lib.preparation"):
        notes = (
            prepare(real_counts, **KEYS, n_top_genes=450, data_name="mine.h5ad").uns["preparation"]["notes"].tolist()
        )
    assert notes[0] == (
        "batch 'Drop-seq_3cl': the loess fit of variance on mean is singular with span 0.3; used span 0.5."
    )
    assert [record.getMessage() for record in caplog.records] == [f"mine.h5ad: {note}" for note in notes]


def test_given_batches_set_the_order_and_the_rank_order_of_genes(counts):
    prepared = prepare(counts, **KEYS, batches=["batch1", "batch0"], n_top_genes=200)
    reverse = counts[::-1].copy()
    expected = prepare(reverse, **KEYS, n_top_genes=200)
    assert prepared.obs["batch"].cat.categories.tolist() == ["batch1", "batch0"]
    assert prepared.var_names.tolist() == expected.var_names.tolist()
    assert prepared.obs_names.tolist() == counts.obs_names.tolist()


def test_mixed_order_of_cells_is_kept_and_changes_no_score(counts):
    order = np.random.default_rng(0).permutation(counts.n_obs)
    plain = prepare(counts, **KEYS, batches=["batch0", "batch1"])
    mixed = prepare(counts[order].copy(), **KEYS, batches=["batch0", "batch1"])
    assert mixed.obs_names.tolist() == plain.obs_names[order].tolist()
    assert mixed.var_names.tolist() == plain.var_names.tolist()
    np.testing.assert_allclose(mixed.obsm["X_pca"], plain.obsm["X_pca"][order], atol=1e-4)


def test_labels_and_unscaled_components_are_optional(counts):
    full = prepare(counts, **KEYS)
    del counts.obs["type"]
    prepared = prepare(counts, batch_key="tech", n_pcs_unintegrated=None)
    assert list(prepared.obs) == ["batch", "total_counts"]
    assert list(prepared.obsm) == ["X_pca"]
    np.testing.assert_array_equal(prepared.obsm["X_pca"], full.obsm["X_pca"])
    assert set(full.uns["preparation"]) - set(prepared.uns["preparation"]) == {"label_key", "n_pcs_unintegrated"}


@pytest.mark.parametrize("layer", ["counts", "raw"])
def test_counts_are_read_from_a_layer_or_raw(counts, layer):
    expected = prepare(counts, **KEYS)
    if layer == "raw":
        counts.raw = counts.copy()
        counts = counts[:, 50:].copy()
    else:
        counts.layers[layer] = counts.X.copy()
    counts.X = counts.X * 0.5
    prepared = prepare(counts, **KEYS, layer=layer)
    np.testing.assert_array_equal(prepared.obsm["X_pca"], expected.obsm["X_pca"])
    assert prepared.var_names.tolist() == expected.var_names.tolist()
    assert prepared.uns["preparation"]["n_genes"] == 400


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csc_matrix, sp.csr_array, lambda x: x.toarray()])
def test_projected_counts_equal_the_fit_for_any_order_of_genes_and_cells(counts, make):
    prepared = prepare(counts, **KEYS, n_top_genes=250)
    order = np.random.default_rng(0).permutation(counts.n_obs)
    other = counts[order][:, counts.var_names[::-1]].copy()
    codes = prepared.obs["batch"].cat.codes.to_numpy()[order]
    scores = GeneSpace.of(prepared).scores(rows_of(make(other.X.tocsr())), other.var_names, codes)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, prepared.obsm["X_pca"][order], atol=2e-5)


VARIANTS = {
    "float32": lambda x: x.astype(np.float32),
    "float64": lambda x: x.astype(np.float64),
    "int64": lambda x: x.astype(np.int64),
    "uint16": lambda x: x.astype(np.uint16),
    "csc": lambda x: x.tocsc(),
    "dense": lambda x: x.toarray(),
    "dense float64, column order": lambda x: np.asfortranarray(x.toarray().astype(np.float64)),
    "sparse array": sp.csr_array,
    "explicit zeros": lambda x: explicit_zeros(x),
    "unsorted indices": lambda x: x.tocsc()[:, ::-1].tocsr()[:, ::-1],
    "64-bit pointers": lambda x: wide_pointers(x),
}


def explicit_zeros(matrix):
    result = sp.csr_matrix(matrix + sp.csr_matrix(np.ones(matrix.shape, dtype=matrix.dtype)))
    result.data -= 1
    return result


def wide_pointers(matrix):
    result = matrix.copy()
    result.indices, result.indptr = result.indices.astype(np.int64), result.indptr.astype(np.int64)
    return result


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_type_and_format_gives_the_same_bytes_and_is_not_changed(counts, tmp_path, variant):
    write_h5ad_atomic(prepare(counts, **KEYS, n_top_genes=250), tmp_path / "expected.h5ad")
    other = counts.copy()
    other.X = VARIANTS[variant](counts.X)
    before = fingerprint(other)
    write_h5ad_atomic(prepare(other, **KEYS, n_top_genes=250), tmp_path / "variant.h5ad")
    assert fingerprint(other) == before
    assert (tmp_path / "variant.h5ad").read_bytes() == (tmp_path / "expected.h5ad").read_bytes()


def fingerprint(adata):
    arrays = [adata.X] if isinstance(adata.X, np.ndarray) else [adata.X.data, adata.X.indices, adata.X.indptr]
    rest = (adata.obs.to_csv(), adata.var.to_csv(), sorted(adata.uns), sorted(adata.obsm), sorted(adata.layers))
    return [(a.dtype, a.tobytes()) for a in arrays], rest, [dtype.name for dtype in adata.obs.dtypes]


def test_numeric_batches_and_labels_become_text(counts):
    other = counts.copy()
    other.obs["tech"] = np.where(counts.obs["tech"] == "batch0", 10, 2)
    other.obs["type"] = counts.obs["type"].astype("category")
    prepared = prepare(other, **KEYS)
    assert prepared.obs["batch"].cat.categories.tolist() == ["10", "2"]
    np.testing.assert_array_equal(prepared.obsm["X_pca"], prepare(counts, **KEYS).obsm["X_pca"])


def test_unused_categories_are_not_batches(counts):
    other = counts.copy()
    other.obs["tech"] = other.obs["tech"].astype("category").cat.set_categories(["zero", "batch1", "batch0"])
    assert prepare(other, **KEYS).obs["batch"].cat.categories.tolist() == ["batch0", "batch1"]


def test_cells_without_counts_stay_zero_and_are_noted(counts):
    matrix = counts.X.toarray()
    matrix[[3, 80]] = 0
    counts.X = sp.csr_matrix(matrix)
    prepared = prepare(counts, **KEYS)
    assert prepared.uns["preparation"]["notes"][0] == "2 cells have no counts; kept, all values 0."
    assert np.isfinite(prepared.obsm["X_pca"]).all()
    np.testing.assert_allclose(prepared.obsm["X_unintegrated"][3], prepared.obsm["X_unintegrated"][80], atol=1e-5)


def test_a_gene_that_is_constant_in_one_batch_scales_to_zero_there(counts):
    matrix = counts.X.toarray()
    matrix[:60, 7] = 0
    counts.X = sp.csr_matrix(matrix)
    prepared = prepare(counts, **KEYS)
    gene = prepared.var_names.get_loc("gene7")
    assert prepared.varm["scale_mean"][gene, 0] == 0
    assert prepared.varm["scale_sd"][gene, 0] == 1


def test_the_number_of_components_is_limited_by_the_data(counts):
    few = counts[list(range(12)) + list(range(60, 72))].copy()
    prepared = prepare(few, **KEYS)
    notes = prepared.uns["preparation"]["notes"].tolist()
    assert prepared.obsm["X_pca"].shape[1] < 24
    assert prepared.obsm["X_unintegrated"].shape[1] == 23
    assert "X_unintegrated has 23 components instead of 50: the data allow no more." in notes
    assert np.isfinite(prepared.obsm["X_pca"]).all()


def test_components_of_rounding_errors_are_dropped():
    rng = np.random.default_rng(0)
    low_rank = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 30))
    assert principal_components(low_rank, 10).scores.shape == (40, 3)


def test_components_equal_a_full_decomposition(counts):
    values = counts.X.toarray().astype(float)
    ours = principal_components(values, 10)
    u, s, vt = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(ours.scores), np.abs(u[:, :10] * s[:10]), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(np.abs(ours.loadings), np.abs(vt[:10].T), atol=1e-8)


def test_genes_that_vary_in_most_batches_replace_an_intersection_that_is_too_small(counts, caplog):
    with caplog.at_level(logging.WARNING, logger="portal_lib.preparation"):
        p = prepare(counts, **KEYS, n_top_genes=110, n_highly_variable=50, data_name="mine.h5ad")
    facts = p.uns["preparation"]
    assert (facts["portal_rule"], facts["portal_genes"]) == ("most batches", 100)
    assert facts["shared_genes"] < 100
    note = f"the 2 batches share {facts['shared_genes']} variable genes, so Portal takes 100 genes that vary in most"
    assert caplog.records[0].message == f"mine.h5ad: {note} batches."


def test_too_few_genes_are_an_error(counts):
    with pytest.raises(DataError, match=r"mine.h5ad: it has 90 genes; at least 100 are needed."):
        prepare(counts[:, :90].copy(), **KEYS, data_name="mine.h5ad")


def test_all_genes_are_stored_on_request(counts):
    p, few = (prepare(counts, **KEYS, n_top_genes=250, n_highly_variable=100, all_genes=x) for x in (True, False))
    assert sorted(p.var_names) == sorted(counts.var_names)
    assert few.n_vars < p.n_vars
    np.testing.assert_array_equal(p.X.toarray(), counts[:, p.var_names].X.toarray())
    pd.testing.assert_frame_equal(p.var.loc[few.var_names], few.var)
    for name in few.obsm:
        np.testing.assert_array_equal(p.obsm[name], few.obsm[name])


def test_portal_alone_needs_no_other_genes(counts):
    p, whole = (prepare(counts, **KEYS, n_top_genes=250, n_pcs_unintegrated=n) for n in (None, 20))
    assert p.var["portal"].all()
    assert list(p.obsm) == ["X_pca"]
    np.testing.assert_array_equal(p.obsm["X_pca"], whole.obsm["X_pca"])


def test_a_batch_without_variable_genes_is_an_error(counts):
    matrix = counts.X.toarray()
    matrix[:60] = 1
    counts.X = sp.csr_matrix(matrix)
    with pytest.raises(DataError, match=r"^mine.h5ad: batch 'batch0': no gene varies. Remove the batch"):
        prepare(counts, **KEYS, data_name="mine.h5ad")


def test_batch_names_with_a_slash_are_stored(counts, tmp_path):
    counts.obs["tech"] = counts.obs["tech"].str.replace("batch", "lane/")
    write_h5ad_atomic(prepare(counts, **KEYS), tmp_path / "p.h5ad")
    assert read_h5ad(tmp_path / "p.h5ad").uns["preparation"]["batches"].tolist() == ["lane/0", "lane/1"]


def test_a_pseudotime_is_copied_and_an_invalid_one_is_an_error(counts):
    cells = counts.copy()
    times = np.linspace(0, 1, cells.n_obs)
    times[3] = np.nan
    cells.obs["dpt"] = times
    made = prepare(cells, **KEYS, pseudotime_key="dpt")
    assert np.array_equal(made.obs["pseudotime"], times, equal_nan=True)
    assert "pseudotime" not in prepare(cells, **KEYS).obs
    for wrong in (np.full(cells.n_obs, -1.0), np.full(cells.n_obs, np.nan), np.full(cells.n_obs, "late")):
        cells.obs["dpt"] = wrong
        with pytest.raises(DataError, match="'dpt'"):
            prepare(cells, **KEYS, pseudotime_key="dpt")
    with pytest.raises(DataError, match="no column 'ptd', did you mean 'dpt'"):
        prepare(cells, **KEYS, pseudotime_key="ptd")


@pytest.mark.parametrize("n_batches", [2, 4])
def test_no_number_of_genes_means_all_genes(counts, n_batches):
    if n_batches == 4:
        counts.obs["tech"] = [f"batch{i % 4}" for i in range(counts.n_obs)]
    prepared = prepare(counts, **KEYS, n_top_genes=None, n_highly_variable=None, n_pcs=5, n_pcs_unintegrated=5)
    facts = prepared.uns["preparation"]
    assert prepared.n_vars == counts.n_vars == 400
    assert prepared.var["portal"].all()
    assert prepared.var["highly_variable"].all()
    numbers = ("n_top_genes", "n_highly_variable", "portal_genes", "shared_genes", "highly_variable_genes")
    assert {facts[name] for name in numbers} == {400}
    assert (facts["portal_rule"], [note for note in facts["notes"] if "most batches" in note]) == ("intersection", [])
