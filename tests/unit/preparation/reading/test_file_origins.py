"""Files of every origin: each works, or is one message that names the file, what was found and what to do."""

import logging
import warnings

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from made_data import made_counts

from portal_lib.errors import DataError
from portal_lib.preparation import check_input, prepare
from portal_lib.preparation.reading.gene_names import kind_of
from portal_lib.preparation.reading.rows import rows_of
from portal_lib.preparation.reading.sources import open_source, short_names
from portal_lib.preparation.reading.values import texts_of

KEYS = {"batch_key": "tech", "label_key": "type"}
FEW = {"n_top_genes": 250, "n_pcs": 8, "n_pcs_unintegrated": 8}


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR)


def pair(tmp_path, change=lambda second: None, first_change=lambda first: None):
    """Two files of 60 and 50 cells, one batch each of two, changed."""
    cells = made_counts()
    parts = [cells[:60].copy(), cells[60:].copy()]
    for part, name in zip(parts, "ab", strict=True):
        part.obs["tech"] = np.where(np.arange(part.n_obs) % 2, f"{name}1", f"{name}0").astype(object)
        part.obs["type"] = part.obs["type"].astype(object)
    first_change(parts[0])
    change(parts[1])
    paths = [tmp_path / f"{name}.h5ad" for name in "ab"]
    for part, path in zip(parts, paths, strict=True):
        part.write_h5ad(path)
    return paths


def message(data, **how):
    with pytest.raises(DataError) as caught:
        check_input(data, **(KEYS | how))
    return str(caught.value)


# --- values of several files

NUMBERS = np.array([3, 1, 2])
TYPES = {
    "int": lambda n: n.astype(np.int64),
    "uint8": lambda n: n.astype(np.uint8),
    "float": lambda n: n.astype(np.float64),
    "float32": lambda n: n.astype(np.float32),
    "text": lambda n: n.astype(str).astype(object),
    "text of floats": lambda n: n.astype(float).astype(str).astype(object),
    "categorical of text": lambda n: pd.Categorical(n.astype(str)),
    "categorical of int": lambda n: pd.Categorical(n),
    "categorical of float": lambda n: pd.Categorical(n.astype(float)),
    "nullable": lambda n: pd.array(n, dtype="Int64"),
}


@pytest.mark.parametrize("first", ["int", "text"])
@pytest.mark.parametrize("second", TYPES)
@pytest.mark.parametrize("key", ["tech", "type"])
def test_a_value_is_one_value_whatever_type_each_file_has(tmp_path, first, second, key):
    def typed(name):
        def change(part):
            part.obs[key] = TYPES[name](np.resize(NUMBERS, part.n_obs))

        return change

    paths = pair(tmp_path, typed(second), typed(first))
    with open_source(paths, keys=["tech", "type"]) as source:
        from portal_lib.preparation.columns import as_categorical

        found = as_categorical(source.obs[key])
    assert list(found.categories) == ["3", "1", "2"]
    assert found.tolist() == [str(n) for size in (60, 50) for n in np.resize(NUMBERS, size)]
    assert check_input(paths, **KEYS) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 1, "2"], ["3", "1", "2"]),
        ([3.0, np.nan], ["3", "nan"]),
        (["3.0", "1.0"], ["3", "1"]),
        (["3.0", "1.5"], ["3.0", "1.5"]),
        (["3.0", "T"], ["3.0", "T"]),
        ([0.5, 1.0], ["0.5", "1"]),
        ([True, False, np.True_], ["True", "False", "True"]),
        ([b"T", np.bytes_(b"B")], ["T", "B"]),
        ([-2.0, np.float32(7)], ["-2", "7"]),
        (["\udce4", "T细胞\n"], ["\\udce4", "T细胞\n"]),
        ([2**60 + 1], [str(2**60 + 1)]),
        ([], []),
    ],
)
def test_text_of_values(values, expected):
    assert texts_of(values) == expected


def test_logical_values_of_two_files_are_the_same_batches(tmp_path):
    def logical(part):
        part.obs["tech"] = np.arange(part.n_obs) % 2 == 0

    def as_text(part):
        part.obs["tech"] = (np.arange(part.n_obs) % 2 == 0).astype(str)

    with open_source(pair(tmp_path, as_text, logical), keys=["tech"]) as source:
        assert sorted(source.obs["tech"].unique()) == ["False", "True"]


def test_a_missing_value_stays_missing_and_names_its_cell(tmp_path):
    def lost(part):
        part.obs["tech"] = np.where(np.arange(part.n_obs) == 4, np.nan, np.arange(part.n_obs) % 2)

    found = message(pair(tmp_path, lost))
    assert "obs['tech'] is empty for 1 of 110 cells: 'cell64'" in found


def test_a_column_that_one_file_lacks_is_named_with_the_file(tmp_path):
    def dropped(part):
        del part.obs["tech"]

    a, b = pair(tmp_path, dropped)
    assert message([a, b]) == f"{b}: obs has no column 'tech', which {a} has. Found: type."


def test_names_that_differ_in_spaces_or_case_only_are_noted(counts):
    counts.obs["type"] = np.resize(["T cell", "t  cell", "B"], counts.n_obs)
    notes = prepare(counts, **KEYS, **FEW).uns["preparation"]["notes"]
    assert "obs['type']: 'T cell' and 't  cell' differ only in spaces or in upper and lower case" in notes[0]
    counts.obs["type"], counts.obs["tech"] = "B", np.resize(["d1", "D1"], counts.n_obs)
    notes = prepare(counts, **KEYS, **FEW).uns["preparation"]["notes"]
    assert notes[0].startswith("obs['tech']: 'd1' and 'D1' differ only")


# --- names of cells


def test_cells_of_two_files_with_the_same_names_get_the_name_of_the_file(tmp_path):
    def renamed(part):
        part.obs_names = [f"cell{i}" for i in range(part.n_obs)]

    paths = pair(tmp_path, renamed)
    made = prepare(paths, **KEYS, **FEW)
    assert made.obs_names.tolist() == [f"a:cell{i}" for i in range(60)] + [f"b:cell{i}" for i in range(50)]
    note = "50 cell names are in more than one file ('cell0', 'cell1', 'cell2' and 47 more); all got the name of their "
    assert f"{note}file as a prefix, as 'a:cell0'." in made.uns["preparation"]["notes"].tolist()


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_a_file_that_repeats_its_own_names_is_named(tmp_path):
    def repeated(part):
        part.obs_names = ["x", *part.obs_names[1:-1], "x"]

    a, b = pair(tmp_path, repeated)
    expected = f"{b}: cell names occur more than once: 'x'. adata.obs_names_make_unique() renames them."
    assert message([a, b]) == expected


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["x/a.h5ad", "y/b.h5ad"], ["a", "b"]),
        (["s1/outs/matrix.h5", "s2/outs/matrix.h5"], ["s1", "s2"]),
        (["s1/a.h5ad", "s2/a.h5ad", "s2/b.h5ad"], ["s1/a", "s2/a", "s2/b"]),
        (["a.b.zarr", "a.zarr"], ["a.b", "a"]),
        (["x/sample.1", "x/sample.2"], ["sample.1", "sample.2"]),
        (["x/a.h5", "x/a.h5ad"], ["x/a.h5", "x/a.h5ad"]),
    ],
)
def test_short_names_tell_files_apart(paths, expected):
    assert short_names(paths) == expected


@pytest.mark.parametrize("place", ["obs/_index", "var/_index", "obs/type"])
def test_text_that_is_not_utf8_is_one_message(counts, tmp_path, place):
    counts.obs["type"] = counts.obs["type"].astype(object)
    counts.write_h5ad(tmp_path / "a.h5ad", convert_strings_to_categoricals=False)
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        values, marks = file[place].asstr()[:], dict(file[place].attrs)
        del file[place]
        latin = np.array([f"{value}ä".encode("latin-1") for value in values], dtype=object)
        file.create_dataset(place, data=latin, dtype=h5py.string_dtype())
        file[place].attrs.update(marks)
    found = message(tmp_path / "a.h5ad")
    assert found.startswith(f"{tmp_path}/a.h5ad: the ")
    assert "is not UTF-8. Write" in found
    assert "\\xe4" in found


# --- places of the counts


def logarithms(part, keep=True):
    if keep:
        part.layers["counts"] = part.X.copy()
    part.X = sp.csr_matrix(np.log1p(part.X.toarray() / part.X.sum(axis=1) * 1e4).astype(np.float32))


def test_a_layer_that_holds_the_counts_of_all_files_is_named(tmp_path):
    paths = pair(tmp_path, logarithms, logarithms)
    assert message(paths, config_key="datasets[0]").endswith(
        "Found in layers['counts'] of all files: set datasets[0].layer to 'counts'."
    )
    assert check_input(paths, **KEYS, layer="counts") == []


def test_counts_in_different_places_are_named_file_by_file(tmp_path):
    a, b = pair(tmp_path, logarithms)
    found = message([a, b])
    assert f"the data: {b}: X contains fractions (largest value " in found
    assert "it looks log-normalised (log1p of counts per 10,000)" in found
    assert found.endswith(
        f"{b} has counts in layers['counts']; {a} has counts in X. Store the counts of all files in the same place."
    )
    assert f"{a}: X" not in found


def test_a_file_of_logarithms_is_not_taken_for_estimated_counts(tmp_path):
    a, b = pair(tmp_path, lambda part: logarithms(part, keep=False))
    found = message([a, b])
    assert "rint" not in found
    assert found.endswith(f"{a} has counts in X; {b} has counts nowhere.")


def test_a_batch_of_logarithms_in_one_matrix_is_not_taken_for_estimated_counts(counts):
    other = counts[60:].copy()
    logarithms(other)
    counts.X = sp.vstack([counts[:60].X, other.X]).tocsr().astype(np.float32)
    found = message(counts)
    assert "contains fractions in 50 of 110 cells (largest value " in found
    assert "it looks log-normalised (log1p of counts per 10,000)" in found
    assert "rint" not in found


def test_raw_without_a_matrix_and_x_that_is_missing(counts, tmp_path):
    counts.raw = counts.copy()
    counts.write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        del file["raw/X"]
    assert check_input(tmp_path / "a.h5ad", **KEYS) == []
    assert "has no layer 'raw'. Found: no layers." in message(tmp_path / "a.h5ad", layer="raw")
    counts.write_h5ad(tmp_path / "b.h5ad")
    with h5py.File(tmp_path / "b.h5ad", "r+") as file:
        del file["X"]
    found = message(tmp_path / "b.h5ad")
    assert "X is missing. Raw counts are needed" in found
    assert "Found in raw.X: set layer to 'raw'." in found
    assert check_input(tmp_path / "b.h5ad", **KEYS, layer="raw") == []


def test_an_object_without_x_reads_its_raw(counts):
    counts.raw = counts.copy()
    bare = anndata.AnnData(None, obs=counts.obs, var=counts.var, raw=counts.raw.to_adata())
    assert "Found in raw.X: set layer to 'raw'." in message(bare)
    assert check_input(bare, **KEYS, layer="raw") == []


# --- genes of several files


def renamed_genes(function):
    def change(part):
        part.var_names = [function(i, name) for i, name in enumerate(part.var_names)]

    return change


IDS = [f"ENSG{i:011d}" for i in range(400)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (None, lambda i, _: IDS[i], ["share 0 gene names", "'gene0', 'gene1', 'gene2': symbols", "Ensembl ids)"]),
        (None, lambda _, name: name.upper(), ["Without regard to upper and lower case", "share 400"]),
        (lambda i, _: IDS[i], lambda i, _: f"{IDS[i]}.{i % 20}", ["Without version suffixes", "share 400", "versions"]),
        (None, lambda _, name: f"hg19_{name}", ["Without the prefix of a genome", "share 400"]),
        (None, lambda _, name: f"{name} ", ["Without spaces at the ends", "share 400"]),
        (None, lambda i, name: name if i < 50 else f"x{i}", ["share 50 gene names", "Are they of one species?"]),
        (None, lambda i, _: str(i), ["'0', '1', '2': numbers", "Name the genes of all files in the same way."]),
    ],
)
def test_genes_that_do_not_match_are_explained(tmp_path, first, second, expected):
    change = renamed_genes(first) if first else lambda part: None
    a, b = pair(tmp_path, renamed_genes(second), change)
    found = message([a, b])
    assert "\n" not in found
    for text in [f"{a} has 400", f"{b} has 400", *expected]:
        assert text in found


def test_a_column_of_var_with_the_other_names_is_found(tmp_path):
    def ensembl(part):
        part.var["symbol"] = part.var_names
        part.var_names = IDS

    a, b = pair(tmp_path, ensembl)
    assert f"var['symbol'] of {b} holds 400 names of {a}: set adata.var_names" in message([a, b])


def test_few_shared_genes_are_a_note(tmp_path):
    paths = pair(tmp_path, renamed_genes(lambda i, name: name.upper() if i % 2 else name))
    notes = prepare(paths, **KEYS, **(FEW | {"n_top_genes": 150})).uns["preparation"]["notes"]
    assert "200 genes are in all 2 files, which measured 400 each" in notes[0]
    assert "Without regard to upper and lower case" in notes[0]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["ENSG00000141510", "ENSMUSG00000059552"], "Ensembl ids"),
        (["ENSG00000141510.17", "ENSG00000141511.3"], "Ensembl ids with versions"),
        (["TP53", "MT-CO1", "ENSG00000141510"], "symbols"),
        (["7157", "1956"], "numbers"),
    ],
)
def test_kinds_of_gene_names(names, kind):
    assert kind_of(pd.Index(names)) == kind


# --- types of numbers

DTYPES = ["float16", ">f2", ">f4", ">f8", "<f8", ">i4", ">u2", "int8", "uint64", "bool", "longdouble"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["dense", "csr", "csc"])
def test_any_number_type_gives_the_same_rows(counts, tmp_path, dtype, form):
    values = counts.X.toarray()
    values = (values > 0) if dtype == "bool" else np.minimum(values, 100)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if form == "dense":
            stored = file.create_dataset("X", data=values.astype(dtype))
        else:
            matrix = sp.csr_matrix(values.astype(float)) if form == "csr" else sp.csc_matrix(values.astype(float))
            stored = file.create_group("X")
            stored.create_dataset("data", data=matrix.data.astype(dtype))
            stored.create_dataset("indices", data=matrix.indices.astype(">i8"))
            stored.create_dataset("indptr", data=matrix.indptr.astype(">i4"))
            stored.attrs.update({"encoding-type": f"{form}_matrix", "shape": values.shape})
        rows = rows_of(stored)
        made = sp.vstack(list(rows.chunks())).toarray()
        rows.close()
    np.testing.assert_array_equal(made, values)
    assert made.dtype == rows.dtype
    assert made.dtype.isnative


@pytest.mark.parametrize("dtype", ["float16", ">f4", "longdouble"])
def test_unusual_numbers_in_memory_are_prepared(counts, dtype):
    values = np.minimum(counts.X.toarray(), 2000)
    counts.X = values
    expected = prepare(counts, **KEYS, **FEW)
    counts.X = values.astype(dtype)
    np.testing.assert_array_equal(prepare(counts, **KEYS, **FEW).obsm["X_pca"], expected.obsm["X_pca"])


def test_complex_numbers_and_text_are_refused(counts, tmp_path):
    counts.write_h5ad(tmp_path / "a.h5ad")
    for values in (counts.X.toarray().astype(complex), counts.X.toarray().astype("S3")):
        with h5py.File(tmp_path / "a.h5ad", "r+") as file:
            del file["X"]
            file.create_dataset("X", data=values).attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        assert "X is stored as array, not a dense, CSR or CSC matrix of numbers." in message(tmp_path / "a.h5ad")


# --- damage


@pytest.mark.parametrize("part", ["X/data", "X/indices", "X/indptr", "obs/tech/codes", "obs/_index", "var/_index"])
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_damage_in_any_part_is_one_message_that_names_the_file(counts, tmp_path, part, form):
    path = tmp_path / "a.h5ad"
    counts.X = counts.X.asformat(form)
    counts.obs["tech"] = pd.Categorical(counts.obs["tech"])
    counts.write_h5ad(path, compression="gzip")
    with h5py.File(path) as file:
        place = file[part].id.get_chunk_info(0).byte_offset
    image = bytearray(path.read_bytes())
    image[place + 10 : place + 60] = b"\xff" * 50
    path.write_bytes(image)
    found = message(path)
    assert found.startswith(f"{path}: ")
    assert "\n" not in found
    assert "damaged" in found or "cannot be read as h5ad" in found


@pytest.mark.parametrize("part", ["data", "indices", "indptr"])
def test_an_array_that_is_too_short_or_missing_is_one_message(counts, tmp_path, part):
    path = tmp_path / "a.h5ad"
    counts.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        values = file["X"][part][:-7]
        del file["X"][part]
        file["X"][part] = values
    assert f"{path}: /X is damaged: its indptr does not fit its" in message(path)
    with h5py.File(path, "r+") as file:
        del file["X"][part]
    assert message(path).startswith(f"{path}: cannot be read as h5ad (")


# --- files of old versions, and of R


def write_0_6(adata, path):
    """The layout of anndata 0.6: compound tables, codes in obs and categories in uns."""
    with h5py.File(path, "w") as file:
        text = h5py.string_dtype()
        codes = {key: pd.Categorical(adata.obs[key]) for key in adata.obs}
        obs = np.empty(adata.n_obs, [("index", "S20"), *((key, "i1") for key in codes)])
        obs["index"] = adata.obs_names.to_numpy().astype("S20")
        for key, values in codes.items():
            obs[key] = values.codes
            file.create_dataset(f"uns/{key}_categories", data=list(values.categories), dtype=text)
        file["obs"] = obs
        var = np.empty(adata.n_vars, [("index", "S20")])
        var["index"] = adata.var_names.to_numpy().astype("S20")
        file["var"] = var
        for name in ("data", "indices", "indptr"):
            file[f"X/{name}"] = getattr(adata.X, name)
        file["X"].attrs.update({"h5sparse_format": "csr", "h5sparse_shape": adata.shape})


def write_seurat_disk(adata, path):
    """The layout of SeuratDisk: categories next to the columns, no encoding of the file, no column-order in var."""
    with h5py.File(path, "w") as file:
        obs = file.create_group("obs")
        obs.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.1.0", "_index": "_index"})
        obs.attrs["column-order"] = np.array(list(adata.obs), dtype=h5py.string_dtype())
        obs["_index"] = adata.obs_names.to_numpy().astype("S20")
        for key in adata.obs:
            values = pd.Categorical(adata.obs[key])
            obs[f"__categories/{key}"] = np.array(values.categories, dtype=h5py.string_dtype())
            obs[key] = values.codes
            obs[key].attrs["categories"] = obs[f"__categories/{key}"].ref
        var = file.create_group("var")
        var.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.1.0", "_index": "_index"})
        var.attrs["column-order"] = np.array([], dtype=h5py.string_dtype())
        var["_index"] = adata.var_names.to_numpy().astype("S20")
        for name in ("data", "indices", "indptr"):
            file[f"X/{name}"] = getattr(adata.X, name)
        file["X"].attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": adata.shape})


@pytest.mark.parametrize("write", [write_0_6, write_seurat_disk])
def test_files_of_other_writers_give_the_same_result(counts, tmp_path, write):
    write(counts, tmp_path / "a.h5ad")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = prepare(tmp_path / "a.h5ad", **KEYS, **FEW)
    expected = prepare(counts, **KEYS, **FEW)
    assert made.obs.astype(str).equals(expected.obs.astype(str))
    np.testing.assert_array_equal(made.obsm["X_pca"], expected.obsm["X_pca"])


def test_a_column_that_occurs_twice_is_refused(counts):
    counts.obs = pd.concat([counts.obs, counts.obs[["tech"]]], axis=1)
    assert message(counts) == "the data: obs has 2 columns 'tech'. Rename or remove all but one."
    counts.obs = counts.obs.set_axis(["tech", "type", "type"], axis=1)
    assert message(counts) == "the data: obs has 2 columns 'type'. Rename or remove all but one."
    assert check_input(counts, batch_key="tech") == []


def test_files_without_x_name_their_other_matrices(tmp_path):
    def only_raw(part):
        part.raw = part.copy()

    paths = pair(tmp_path, only_raw, only_raw)
    for path in paths:
        with h5py.File(path, "r+") as file:
            del file["X"]
    expected = f"{paths[0]}: X is missing; a matrix of numbers is needed. It has raw: set datasets[0].layer."
    assert message(paths, config_key="datasets[0]") == expected
    assert check_input(paths, **KEYS, layer="raw") == []
