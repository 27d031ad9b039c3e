"""Each kind of bad input gives exactly one clear message and leaves no file."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from portal_lib.errors import DataError
from portal_lib.preparation import check_input, prepare, write_h5ad_atomic
from portal_lib.preparation.checks import check_new_cells

KEYS = {"batch_key": "tech", "label_key": "type"}
COUNTS_NEEDED = "Raw counts are needed: whole numbers, none negative."
NOWHERE = "No layer and no raw.X contains counts either."


def log_normalise(adata):
    dense = adata.X.toarray().astype(float)
    return np.log1p(1e4 * dense / dense.sum(axis=1, keepdims=True))


def change(adata, **columns):
    for name, (cells, value) in columns.items():
        adata.obs[name] = adata.obs[name].astype(object)
        adata.obs.loc[adata.obs_names[cells], name] = value


def set_value(adata, value):
    dense = adata.X.toarray().astype(np.float64)
    dense[2, 3] = value
    adata.X = sp.csr_matrix(dense)


def layered(adata, where):
    raw = adata.X.copy()
    if where == "raw":
        adata.raw = adata.copy()
    else:
        adata.layers["scaled"] = raw.toarray() - 0.5
        adata.layers[where] = raw
    adata.X = log_normalise(adata)


def assign(name, make):
    return lambda adata: setattr(adata, name, make(adata))


BAD = {
    "batch column missing": (
        assign("obs", lambda a: a.obs.rename(columns={"tech": "donor"})),
        "obs has no column 'tech'. Found: donor, type. Set datasets[0].batch.",
    ),
    "label column missing": (
        assign("obs", lambda a: a.obs.drop(columns="type")),
        "obs has no column 'type'. Found: tech. Set datasets[0].label.",
    ),
    "no label at all": (
        lambda a: change(a, type=(range(110), np.nan)),
        "obs['type'] is empty for all 110 cells. Leave out datasets[0].label if there are no labels.",
    ),
    "empty batch": (
        lambda a: change(a, tech=(range(7), None)),
        "obs['tech'] is empty for 7 of 110 cells: 'cell0', 'cell1', 'cell2', 'cell3', 'cell4' and 2 more. "
        "Fill in or remove these cells.",
    ),
    "one batch": (
        lambda a: change(a, tech=(range(110), "lane1")),
        "obs['tech'] has only one batch, 'lane1'. Integration needs two or more.",
    ),
    "batch under 10 cells": (
        lambda a: change(a, tech=(range(9), "tiny")),
        "batches of fewer than 10 cells: 'tiny' (9). Remove them or join them with others.",
    ),
    "batch that is not expected": (
        lambda a: change(a, tech=(range(12), "late")),
        "obs['tech'] contains unexpected batches 'late'. Expected: 'batch0', 'batch1'.",
    ),
    "duplicate cell names": (
        assign("obs_names", lambda a: ["same", "same", *a.obs_names[2:]]),
        "1 cell name occurs more than once: 'same'. adata.obs_names_make_unique() renames them.",
    ),
    "duplicate gene names": (
        assign("var_names", lambda a: ["x", "x", "y", "y", "y", *a.var_names[5:]]),
        "2 gene names occur more than once: 'x', 'y'. adata.var_names_make_unique() renames them.",
    ),
    "NaN": (
        lambda a: set_value(a, np.nan),
        f"X contains values that are NaN or infinite (1 of 44,000). {COUNTS_NEEDED} {NOWHERE}",
    ),
    "infinite": (
        lambda a: set_value(a, -np.inf),
        f"X contains values that are NaN or infinite (1 of 44,000). {COUNTS_NEEDED} {NOWHERE}",
    ),
    "negative": (
        lambda a: set_value(a, -3),
        f"X contains negative values (lowest -3; 1 of 44,000): it looks scaled or corrected. {COUNTS_NEEDED} {NOWHERE}",
    ),
    "scaled": (
        assign("X", lambda a: np.full(a.shape, -0.5)),
        "X contains negative values (lowest -0.5; 44,000 of 44,000): it looks scaled or corrected. "
        f"{COUNTS_NEEDED} {NOWHERE}",
    ),
    "fractions": (
        lambda a: set_value(a, 100.5),
        "X contains fractions in 1 of 110 cells (largest value 235): it looks normalised, or like estimated counts. "
        f"{COUNTS_NEEDED} numpy.rint rounds estimated counts. {NOWHERE}",
    ),
    "normalised": (
        assign("X", lambda a: np.expm1(log_normalise(a))),
        "X contains fractions (largest value 2234): it looks normalised (every cell sums to 10,000). "
        f"{COUNTS_NEEDED} {NOWHERE}",
    ),
    "log-normalised": (
        assign("X", log_normalise),
        "X contains fractions (largest value 7.712): it looks log-normalised (log1p of counts per 10,000). "
        f"{COUNTS_NEEDED} {NOWHERE}",
    ),
    "log of counts": (
        assign("X", lambda a: sp.csr_matrix(np.log1p(a.X.toarray()))),
        f"X contains fractions (largest value 7.606): it looks log-transformed. {COUNTS_NEEDED} {NOWHERE}",
    ),
    "counts in a layer": (
        lambda a: layered(a, "counts"),
        "X contains fractions (largest value 7.712): it looks log-normalised (log1p of counts per 10,000). "
        f"{COUNTS_NEEDED} Found in layers['counts']: set datasets[0].layer to 'counts'.",
    ),
    "counts in raw": (
        lambda a: layered(a, "raw"),
        "X contains fractions (largest value 7.712): it looks log-normalised (log1p of counts per 10,000). "
        f"{COUNTS_NEEDED} Found in raw.X: set datasets[0].layer to 'raw'.",
    ),
    "only zeros": (
        assign("X", lambda a: sp.csr_matrix(a.shape)),
        f"X contains only zeros. {COUNTS_NEEDED} {NOWHERE}",
    ),
    "no X": (assign("X", lambda a: None), f"X is missing. {COUNTS_NEEDED} {NOWHERE}"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_gives_its_one_message_and_leaves_no_file(counts, tmp_path, kind):
    spoil, expected = BAD[kind]
    spoil(counts)
    batches = ["batch0", "batch1"] if kind == "batch that is not expected" else None
    with pytest.raises(DataError) as caught:
        run(counts, tmp_path / "prepared.h5ad", batches=batches)
    assert str(caught.value) == f"mine.h5ad: {expected}"
    assert list(tmp_path.iterdir()) == []


def run(adata, path, **options):
    write_h5ad_atomic(prepare(adata, **KEYS, **options, data_name="mine.h5ad", config_key="datasets[0]"), path)


@pytest.mark.parametrize(("rows", "columns", "what"), [(0, 400, "cells"), (110, 0, "genes")])
def test_empty_data_are_an_error(counts, rows, columns, what):
    with pytest.raises(DataError) as caught:
        check_input(counts[:rows, :columns].copy(), **KEYS, data_name="mine.h5ad")
    assert str(caught.value) == f"mine.h5ad: it has no {what} (shape {rows} × {columns}, cells × genes)."


def test_all_problems_are_in_one_message(counts):
    counts.obs_names = ["same", *counts.obs_names[:-1].where(counts.obs_names[:-1] != "cell0", "same")]
    change(counts, tech=(range(3), "tiny"), type=(range(110), " "))
    set_value(counts, -1)
    with pytest.raises(DataError) as caught:
        check_input(counts, **KEYS, batches=["batch0", "batch1", "batch2"], data_name="mine.h5ad")
    lines = str(caught.value).splitlines()
    assert lines[0] == "mine.h5ad has 6 problems"
    starts = [
        "X contains",
        "1 cell name",
        "batches of",
        "obs['tech'] contains",
        "obs['tech'] lacks",
        "obs['type'] is empty",
    ]
    assert len(lines) == 7
    assert all(line.startswith(f"  {start}") for line, start in zip(lines[1:], starts, strict=True))


def test_without_a_config_key_hints_name_the_arguments(counts):
    with pytest.raises(DataError, match=r"^the data: obs has no column 'sample'. Found: tech, type. Set batch_key.$"):
        check_input(counts, batch_key="sample", label_key="type")


def test_the_intended_column_is_suggested(counts):
    with pytest.raises(DataError, match=r"no column 'tehc', did you mean 'tech'\? Found: tech, type. Set batch_key.$"):
        check_input(counts, batch_key="tehc")


def test_one_column_for_batch_and_label_is_an_error(counts):
    with pytest.raises(DataError, match="batch and label are the same column, 'tech'"):
        check_input(counts, batch_key="tech", label_key="tech")


def test_a_missing_batch_is_an_error(counts):
    with pytest.raises(DataError, match=r"lacks the batches 'batch2'. Found: 'batch0', 'batch1'.$"):
        check_input(counts, **KEYS, batches=["batch0", "batch1", "batch2"])


def test_a_batch_given_twice_is_an_error(counts):
    with pytest.raises(DataError, match=r"^the data: batches name 'batch0' more than once. Name each batch once.$"):
        check_input(counts, batch_key="tech", batches=["batch0", "batch1", "batch0"])


def test_labels_are_optional(counts):
    del counts.obs["type"]
    assert check_input(counts, batch_key="tech") == []


@pytest.mark.parametrize("kind", ["object", "category", "string", "numbers", "bool"])
def test_some_cells_may_lack_a_label_whatever_the_type_of_the_column(counts, kind):
    made = {"numbers": np.where(np.arange(110) % 2, 3.0, 4.0), "bool": np.arange(110) % 2 > 0}
    column = pd.Series(made.get(kind, counts.obs["type"].to_numpy()), index=counts.obs_names)
    column = column.astype("boolean" if kind == "bool" else "float64" if kind == "numbers" else kind)
    column.iloc[[1, 4]] = None
    counts.obs["type"] = column
    assert check_input(counts, **KEYS) == [
        "2 of 110 cells have no label: they are integrated, and left out of scoring."
    ]
    label = prepare(counts, **KEYS, n_pcs=5, n_pcs_unintegrated=5).obs["label"]
    assert np.flatnonzero(label.isna()).tolist() == [1, 4]
    assert set(label.cat.categories) == {str(value).removesuffix(".0") for value in column.dropna()}


def test_values_that_mean_no_label_are_named_or_noted(counts):
    change(counts, type=(range(6), ["unknown", "NA", "nan", " ", "Unassigned", "lymphoid"]))
    notes = check_input(counts, **KEYS, config_key="datasets[0]")
    assert notes[0] == "1 of 110 cells have no label: they are integrated, and left out of scoring."
    listed = "'unknown' (1 cells), 'NA' (1 cells), 'nan' (1 cells), 'Unassigned' (1 cells)"
    assert listed in notes[1]
    assert notes[1].endswith("name it in datasets[0].unlabelled.")
    named = check_input(counts, **KEYS, unlabelled=["unknown", "NA", "nan", "Unassigned"])
    assert named[0] == "5 of 110 cells have no label: they are integrated, and left out of scoring."
    assert len(named) == 1


def test_a_number_that_means_no_label_is_compared_as_text(counts):
    counts.obs["type"] = np.arange(110) % 3 - 1.0
    assert check_input(counts, **KEYS, unlabelled=[-1])[0].startswith("37 of 110 cells have no label")


def test_batches_of_several_columns_are_their_combinations(counts, tmp_path):
    counts.obs["donor"] = np.where(np.arange(110) % 2, "d1", "d2")
    write_h5ad_atomic(counts, tmp_path / "counts.h5ad")
    for data in (counts, tmp_path / "counts.h5ad"):
        made = prepare(data, batch_key=["tech", "donor"], n_pcs=5, n_pcs_unintegrated=5).obs
        expected = [f"{tech} · {donor}" for tech, donor in zip(counts.obs["tech"], counts.obs["donor"], strict=True)]
        assert made["batch"].tolist() == expected
        assert made["batch_1"].tolist() == counts.obs["tech"].tolist()
        assert made["batch_2"].tolist() == counts.obs["donor"].tolist()


def test_problems_of_several_batch_columns_name_the_column(counts):
    counts.obs["donor"] = np.where(np.arange(110) < 3, "", "d2")
    with pytest.raises(DataError, match=r"obs\['donor'\] is empty for 3 of 110 cells"):
        check_input(counts, batch_key=["tech", "donor"])
    with pytest.raises(DataError, match="no column 'lane'"):
        check_input(counts, batch_key=["tech", "lane"])
    counts.obs["donor"] = np.where(np.arange(110) < 3, "d1", "d2")
    with pytest.raises(DataError, match=r"batches of fewer than 10 cells: 'batch0 · d1' \("):
        check_input(counts, batch_key=["tech", "donor"])


@pytest.mark.parametrize("where", ["counts", "raw"])
def test_counts_in_a_layer_are_checked(counts, where):
    layered(counts, where)
    assert check_input(counts, batch_key="tech", layer=where) == []
    with pytest.raises(DataError, match=r"^the data: layers\['bad'\] contains negative .* Found in .*: set layer to "):
        check_input(with_layer(counts, bad=-counts.X), batch_key="tech", layer="bad")


def with_layer(adata, **layers):
    adata.layers.update(layers)
    return adata


def test_a_missing_layer_is_an_error(counts):
    layered(counts, "counts")
    message = r"^the data: has no layer 'count', did you mean 'counts'\? Found: counts, scaled. Set layer.$"
    with pytest.raises(DataError, match=message):
        check_input(counts, batch_key="tech", layer="count")


NEW = {"batch_key": "tech", "batches": ["batch0", "batch1", "batch2"], "genes": ["gene0", "gene7"]}


def test_new_cells_may_be_few_and_of_one_batch(counts):
    check_new_cells(counts[:1].copy(), **NEW)
    check_new_cells(counts[[3, 70], counts.var_names[::-1]].copy(), **NEW)


def test_all_problems_of_new_cells_are_in_one_message(counts):
    few = counts[:5, 1:].copy()
    change(few, tech=([0, 1], "late"))
    set_value(few, np.nan)
    with pytest.raises(DataError) as caught:
        check_new_cells(few, **NEW, data_name="new.h5ad")
    assert str(caught.value).splitlines() == [
        "new.h5ad has 3 problems",
        f"  X contains values that are NaN or infinite (1 of 1,995). {COUNTS_NEEDED} {NOWHERE}",
        "  1 of the 2 genes that are needed are absent: 'gene0'. Genes are matched by name; here they are called "
        "'gene1', 'gene2', 'gene3' and 396 more. Keep all genes of the new cells, named as in the data of the fit.",
        "  obs['tech'] contains unknown batches 'late'. Known: 'batch0', 'batch1', 'batch2'.",
    ]


def test_empty_categories_are_not_small_batches(counts):
    counts.obs["tech"] = counts.obs["tech"].astype("category").cat.add_categories("unused")
    assert check_input(counts, **KEYS) == []


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, sp.csc_matrix, sp.csr_array])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.int64, np.float32, np.float64])
def test_counts_of_any_type_and_format_pass(counts, make, dtype):
    counts.X = make(np.minimum(counts.X.toarray(), 100).astype(dtype))
    assert check_input(counts, **KEYS) == []


def test_counts_beyond_float32_are_noted():
    dense = np.random.default_rng(0).poisson(5, (20, 6))
    dense[0, 0] = 2**24 + 1
    obs = pd.DataFrame({"tech": list("ab") * 10, "type": "x"}, index=[str(i) for i in range(20)])
    assert check_input(AnnData(dense, obs=obs), **KEYS) == ["counts above 16,777,216 are kept rounded to float32."]


def test_a_matrix_without_numbers_is_an_error(counts):
    counts.X = counts.X.toarray().astype(object)
    with pytest.raises(DataError, match="X is ndarray, not a dense, CSR or CSC matrix of numbers"):
        check_input(counts, **KEYS)


def test_a_layer_of_a_file_is_prepared(counts, tmp_path):
    expected = prepare(counts, **KEYS)
    for where in ("counts", "raw"):
        other = counts.copy()
        layered(other, where)
        write_h5ad_atomic(other, tmp_path / "own.h5ad")
        prepared = prepare(tmp_path / "own.h5ad", **KEYS, layer=where)
        np.testing.assert_array_equal(prepared.obsm["X_pca"], expected.obsm["X_pca"])
