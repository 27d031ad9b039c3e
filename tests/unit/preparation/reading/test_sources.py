"""Counts on disk, in every supported format, give the bytes that they give in memory, in bounded memory."""

import os
import subprocess
import sys
import warnings
from itertools import pairwise

import anndata
import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from realdata import real_file

from portal_lib.errors import DataError
from portal_lib.preparation import check_input, prepare
from portal_lib.preparation.reading import rows
from portal_lib.preparation.reading.rows import rows_of

KEYS = {"batch_key": "tech", "label_key": "type"}
FEW = {"n_top_genes": 250, "n_pcs": 10, "n_pcs_unintegrated": 12}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Small chunks, so that the few cells of these tests make many."""
    monkeypatch.setattr(rows, "CHUNK", 900)


def stored(adata, path, matrix=None, **how):
    """An h5ad (or zarr) file of the data with another X."""
    made = adata.copy()
    if matrix is not None:
        made.X = matrix
    if path.suffix == ".zarr":
        with warnings.catch_warnings():
            # anndata announces what its next release will do.
            warnings.simplefilter("ignore", UserWarning)
            made.write_zarr(path)
    else:
        made.write_h5ad(path, **how)
    return path


def same_bytes(made, expected):
    np.testing.assert_array_equal(made.X.toarray(), expected.X.toarray())
    for name in expected.obsm:
        np.testing.assert_array_equal(made.obsm[name], expected.obsm[name])
    for name in expected.varm:
        np.testing.assert_array_equal(made.varm[name], expected.varm[name])
    assert made.obs.astype(str).equals(expected.obs.astype(str))
    assert made.var_names.tolist() == expected.var_names.tolist()
    assert made.uns["preparation"].keys() == expected.uns["preparation"].keys()


def unsorted(matrix):
    """The same rows, each with its stored values in reverse."""
    order = np.concatenate([np.arange(stop - 1, start - 1, -1) for start, stop in pairwise(matrix.indptr)])
    return sp.csr_matrix((matrix.data[order], matrix.indices[order], matrix.indptr), shape=matrix.shape)


def wide(matrix):
    made = matrix.copy()
    made.indices, made.indptr = made.indices.astype(np.int64), made.indptr.astype(np.int64)
    return made


MATRICES = {
    "CSR int32": lambda x: x,
    "CSR float32": lambda x: x.astype(np.float32),
    "CSR float64": lambda x: x.astype(np.float64),
    "CSR uint8": lambda x: x.astype(np.uint8),
    "unsorted": unsorted,
    "64-bit pointers": wide,
    "CSC": lambda x: x.tocsc(),
    "CSC float64": lambda x: x.tocsc().astype(np.float64),
    "dense": lambda x: x.toarray(),
    "dense int64": lambda x: x.toarray().astype(np.int64),
}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(
    "store", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("gzip", "lzf")), "plain", "zarr"]
)
def test_every_form_on_disk_gives_the_bytes_of_memory(counts, tmp_path, matrix, store):
    counts.X.data[:] = np.minimum(counts.X.data, 255)
    expected = prepare(counts, **KEYS, **FEW)
    how = {"compression": store} if store in ("gzip", "lzf") else {}
    path = stored(counts, tmp_path / ("a.zarr" if store == "zarr" else "a.h5ad"), MATRICES[matrix](counts.X), **how)
    same_bytes(prepare(path, **KEYS, **FEW), expected)


def test_the_written_file_equals_memory_for_any_number_of_threads(counts, tmp_path):
    expected = prepare(counts, **KEYS, **FEW)
    path, files = stored(counts, tmp_path / "a.h5ad"), []
    for threads in (1, 3):
        seconds = prepare(path, **KEYS, **FEW, out=tmp_path / "made.h5ad", threads=threads)
        files.append((tmp_path / "made.h5ad").read_bytes())
    assert files[0] == files[1]
    same_bytes(anndata.read_h5ad(tmp_path / "made.h5ad"), expected)
    assert {"sums and checks", "variable genes", "products of genes", "scores", "read", "waited"} <= set(seconds)


def test_components_in_the_file_can_be_memory_mapped(counts, tmp_path):
    prepare(counts, **KEYS, **FEW, out=tmp_path / "made.h5ad")
    with h5py.File(tmp_path / "made.h5ad") as file:
        array = file["obsm/X_pca"]
        assert array.chunks is None
        mapped = np.memmap(tmp_path / "made.h5ad", array.dtype, "r", array.id.get_offset(), array.shape)
        np.testing.assert_array_equal(mapped, array[:])


@pytest.mark.parametrize("backed", ["r", "r+"])
def test_a_backed_object_is_streamed(counts, tmp_path, backed):
    expected = prepare(counts, **KEYS, **FEW)
    adata = anndata.read_h5ad(stored(counts, tmp_path / "a.h5ad"), backed=backed)
    same_bytes(prepare(adata, **KEYS, **FEW), expected)
    adata.file.close()


@pytest.mark.parametrize("layer", ["counts", "raw"])
def test_counts_are_read_from_a_layer_or_raw_of_a_file(counts, tmp_path, layer):
    expected = prepare(counts, **KEYS, **FEW)
    other = counts.copy()
    if layer == "raw":
        other.raw = counts.copy()
        other = other[:, 20:].copy()
    else:
        other.layers["counts"] = counts.X.copy()
    other.X = other.X * 0.5
    path = stored(other, tmp_path / "a.h5ad")
    same_bytes(prepare(path, **KEYS, **FEW, layer=layer), prepare(other, **KEYS, **FEW, layer=layer))
    np.testing.assert_array_equal(prepare(path, **KEYS, **FEW, layer=layer).obsm["X_pca"], expected.obsm["X_pca"])
    with pytest.raises(DataError, match=rf"looks .*Found in .*{layer}.*: set layer to '{layer}'"):
        prepare(path, **KEYS)


def test_several_files_are_one_data_set(counts, tmp_path):
    """The second file lacks some genes and has the others in another order; totals count what a file measured."""
    parts = [counts[:60].copy(), counts[60:, np.random.default_rng(0).permutation(400)[:380]].copy()]
    paths = [stored(part, tmp_path / f"{k}.h5ad") for k, part in enumerate(parts)]
    shared = [gene for gene in counts.var_names if gene in set(parts[1].var_names)]
    made = prepare(paths, **KEYS, **FEW)
    np.testing.assert_array_equal(made.obs["total_counts"], np.concatenate([part.X.sum(axis=1).A1 for part in parts]))
    note = "380 genes are in all 2 files, which measured 380 to 400 each; the others are left out, but count in the "
    assert made.uns["preparation"]["notes"].tolist() == [f"{note}totals of the cells."]
    # As if every cell's counts in the left-out genes were in one more gene, which is then not chosen.
    whole = prepare(counts[:, shared].copy(), **KEYS, **FEW)
    assert (made.obs["total_counts"] > whole.obs["total_counts"]).sum() > 50
    np.testing.assert_array_equal(made.X.toarray(), whole.X.toarray())
    logged = np.log1p(made.X.toarray() * 1e4 / made.obs["total_counts"].to_numpy()[:, None])
    np.testing.assert_allclose(made.varm["scale_mean"][:, 0], logged[:60].mean(axis=0), atol=1e-9)


def test_a_gene_that_one_file_lacks_does_not_halve_the_totals(counts, tmp_path):
    """A panel of few genes next to the whole transcriptome: the cells of the whole keep their totals."""
    parts = [counts[:60].copy(), counts[60:, :150].copy()]
    paths = [stored(part, tmp_path / f"{k}.h5ad") for k, part in enumerate(parts)]
    made = prepare(paths, **KEYS, n_top_genes=120, n_pcs=5, n_pcs_unintegrated=5)
    np.testing.assert_array_equal(made.obs["total_counts"][:60], counts[:60].X.sum(axis=1).A1)
    np.testing.assert_array_equal(made.obs["total_counts"][60:], counts[60:, :150].X.sum(axis=1).A1)


def test_two_files_with_the_same_cells_are_refused(counts, tmp_path):
    paths = [stored(counts, tmp_path / "0.h5ad"), stored(counts[:3].copy(), tmp_path / "1.h5ad")]
    with pytest.raises(DataError, match=r"1\.h5ad hold the same cells: 3 cells have the same name and the same total"):
        check_input(paths, **KEYS)
    with pytest.raises(DataError, match=r"0\.h5ad: is listed twice"):
        check_input([paths[0], paths[1], paths[0]], **KEYS)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("indices", 400, "an index is outside of 0 to 399"),
        ("indices", -1, "an index is outside of 0 to 399"),
        ("indptr", 10**9, "its indptr does not fit its"),
    ],
)
def test_a_damaged_matrix_is_one_error_and_nothing_is_written(counts, tmp_path, key, value, message):
    path = stored(counts, tmp_path / "a.h5ad")
    with h5py.File(path, "r+") as file:
        file["X"][key][-1] = value
    with pytest.raises(DataError, match=message):
        prepare(path, **KEYS, **FEW, out=tmp_path / "made" / "p.h5ad")
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.parametrize("form", ["CSR int32", "CSC", "dense"])
@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_damage_inside_the_counts_is_one_error_and_nothing_is_written(counts, tmp_path, form, compression):
    path = stored(counts, tmp_path / "a.h5ad", MATRICES[form](counts.X), compression=compression)
    with h5py.File(path, "r") as file:
        offset = (file["X"] if form == "dense" else file["X/data"]).id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset : offset + 60] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a.h5ad: /X.* is damaged from 0 on \("):
        prepare(path, **KEYS, **FEW, out=tmp_path / "made" / "p.h5ad")
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_problems_of_a_file_are_those_of_memory(counts, tmp_path):
    counts.obs["tech"] = counts.obs["tech"].astype(object)
    counts.obs.iloc[[3, 70], 0] = ""
    counts.obs_names = [*counts.obs_names[:-1], "cell0"]
    counts.X = counts.X.astype(np.float32)
    counts.X.data[5] = -3.0
    path = stored(counts, tmp_path / "a.h5ad")
    messages = []
    for data in (counts, path):
        with pytest.raises(DataError) as caught:
            prepare(data, batch_key="tech", label_key="kind", data_name="mine")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert [line.split()[0] for line in messages[0].splitlines()] == [
        "mine",
        "X",
        "1",
        "obs['tech']",
        "obs",
    ]


def test_names_and_matrix_of_different_lengths_are_one_error(counts, tmp_path):
    path = stored(counts, tmp_path / "a.h5ad")
    with h5py.File(path, "r+") as file:
        names, marks = file["var/_index"][:-5], dict(file["var/_index"].attrs)
        del file["var/_index"]
        file["var/_index"] = names
        file["var/_index"].attrs.update(marks)
    with pytest.raises(DataError, match=r"X has shape 110 × 400, but the names are those of 110 × 395"):
        check_input(path, **KEYS)


def test_an_interruption_keeps_the_earlier_file(counts, tmp_path, monkeypatch):
    out = tmp_path / "made" / "p.h5ad"
    prepare(counts, **KEYS, **FEW, out=out)
    before = out.read_bytes()

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("portal_lib.preparation.components.Components.scores", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(counts, **KEYS, **FEW, out=out)
    assert [file.name for file in out.parent.iterdir()] == ["p.h5ad"]
    assert out.read_bytes() == before


FULL_DISK = """
import resource, sys
from portal_lib.errors import DataError
from portal_lib.preparation import prepare

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), -1))
try:
    prepare(sys.argv[1], batch_key="tech", n_top_genes=250, n_pcs=10, n_pcs_unintegrated=12, out=sys.argv[2])
except DataError as error:
    print(error)
"""


@pytest.mark.parametrize(("matrix", "limit"), [("CSR int32", 5_000), ("CSR int32", 40_000), ("CSC", 5_000)])
@pytest.mark.slow
def test_a_full_disk_is_one_error(counts, tmp_path, matrix, limit):
    """A limit on file size simulates it. The temporary file of a transposed matrix reaches the limit first."""
    path = stored(counts, tmp_path / "a.h5ad", MATRICES[matrix](counts.X))
    command = [sys.executable, "-c", FULL_DISK, str(path), str(tmp_path / "made" / "p.h5ad"), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = "too small for the transposed copy" if matrix == "CSC" else "cannot be written (File too large)"
    assert expected in done.stdout
    assert done.stdout.count("\n") == 1
    assert list((tmp_path / "made").iterdir()) == []


PEAK = """
import re, sys
from portal_lib.preparation import prepare

prepare(sys.argv[1], batch_key="tech", n_pcs=5, n_pcs_unintegrated=None, out=sys.argv[1] + ".out")
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the kernel does not tell the peak")
@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csc_matrix])
def test_memory_does_not_grow_with_the_number_of_cells(tmp_path, make):
    """16 times the cells, 250 MB more of counts: a few tens of MB."""
    rng, peaks = np.random.default_rng(0), []
    once = sp.csr_matrix(rng.poisson(0.4, (5_000, 1_200)).astype(np.float32) * (rng.random(1_200) < 0.9))
    for times in (1, 16):
        matrix = make(sp.vstack([once] * times, format="csr"))
        adata = anndata.AnnData(matrix)
        adata.obs["tech"] = np.resize(["a", "b"], adata.n_obs)
        path = stored(adata, tmp_path / f"{times}.h5ad")
        done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    assert matrix.nnz * 8 > 200 * 2**20
    assert peaks[1] - peaks[0] < 60


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["kang_ifnb_muscat", "mesc_scmerge"])
def test_real_files_give_the_bytes_of_memory(name, monkeypatch):
    monkeypatch.setattr(rows, "CHUNK", 100_000)
    path = real_file("h5ad", f"{name}.h5ad")
    keys = {"batch_key": "batch", "label_key": "cell_type"}
    same_bytes(prepare(path, **keys), prepare(anndata.read_h5ad(path), **keys))


def test_without_counts_the_rest_is_the_same_even_when_spilled_to_disk(counts, monkeypatch):
    expected = prepare(counts, **KEYS, **FEW)
    for most in (2**26, 1_000):
        monkeypatch.setattr(rows, "MOST_IN_MEMORY", most)
        made = prepare(counts, **KEYS, **FEW, counts=False)
        assert made.X is None
        made.X = expected.X
        same_bytes(made, expected)


def test_chunks_are_bounded_and_complete(counts):
    empty = sp.csr_matrix((5_000, 400), dtype=np.int32)
    matrix = sp.vstack([counts.X, empty, counts.X], format="csr")
    chunks = list(rows_of(matrix).chunks())
    assert max(chunk.nnz for chunk in chunks) <= max(rows.CHUNK, np.diff(matrix.indptr).max())
    assert (sp.vstack(chunks) != matrix).nnz == 0
    assert len(chunks) > 100


@pytest.mark.parametrize("matrix", [np.array([["a"]]), None, "X", np.zeros(3)])
def test_anything_but_a_matrix_of_numbers_has_no_rows(matrix):
    assert rows_of(matrix) is None
