"""An object in every form is copied with all that it holds, in bounded memory."""

import importlib.util
import shutil
import tracemalloc
import warnings
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import zarr
from anndata.tests.helpers import assert_equal

from portal_lib.errors import DataError
from portal_lib.preparation import inspect
from portal_lib.preparation.reading import copies, rows
from portal_lib.preparation.reading.copies import copied
from portal_lib.preparation.reading.files import read_h5ad, write_h5ad_atomic


def full(seed=0, n_cells=30, n_genes=12, prefix="c"):
    """An object in which every part of an AnnData is used."""
    rng = np.random.default_rng(seed)
    counts = sp.csr_matrix(rng.poisson(1.0, (n_cells, n_genes)).astype(np.float32))
    names = [f"{prefix}{i}" for i in range(n_cells)]
    data = anndata.AnnData(
        counts.copy(), obs=pd.DataFrame(index=names), var=pd.DataFrame(index=[f"g{i}" for i in range(n_genes)])
    )
    data.raw = data.copy()
    data.X = sp.csr_matrix(np.log1p(counts.toarray()))
    data.layers["counts"], data.layers["scaled"] = counts, rng.normal(size=counts.shape)
    data.layers["by_gene"] = counts.tocsc()
    data.obs["donor"] = pd.Categorical(np.array(["a", "b"])[np.arange(n_cells) % 2])
    data.obs["age"], data.obs["kept"] = rng.integers(20, 80, n_cells), rng.random(n_cells) < 0.5
    data.obs["note"] = pd.array([None if i % 3 else i for i in range(n_cells)], dtype="Int64")
    data.var["length"] = np.arange(n_genes)
    data.obsm["X_pca"] = rng.normal(size=(n_cells, 3)).astype(np.float32)
    data.obsm["table"] = pd.DataFrame({"x": np.arange(n_cells)}, index=data.obs_names)
    data.varm["PCs"] = rng.normal(size=(n_genes, 3))
    data.obsp["distances"] = sp.random(n_cells, n_cells, 0.1, format="csr", random_state=0)
    data.varp["seen"] = np.eye(n_genes)
    data.uns["log"] = {"base": 2, "words": np.array(["a", "b"]), "nested": {"empty": {}}}
    return data


def store(data, path):
    with warnings.catch_warnings():
        # anndata announces what its next release will do.
        warnings.simplefilter("ignore")
        if path.suffix == ".zarr":
            data.write_zarr(path)
        else:
            data.write_h5ad(path)
    return path


def copy(source, tmp_path, names, **how):
    """The copy of a source, read; its cells have these names."""
    write_h5ad_atomic(anndata.AnnData(obs=pd.DataFrame(index=list(names))), tmp_path / "cells.h5ad")
    with (
        h5py.File(tmp_path / "cells.h5ad") as cells,
        copied(source, tmp_path / "copy.h5ad", names=cells["obs"], **how) as out,
    ):
        out.dense("obsm/X_new", (len(names), 2))[:] = 1
    made = anndata.read_h5ad(tmp_path / "copy.h5ad")
    np.testing.assert_array_equal(made.obsm.pop("X_new"), np.ones((len(names), 2)))
    return made


@pytest.mark.parametrize("form", ["memory", "h5ad", "zarr"])
def test_everything_is_kept(tmp_path, monkeypatch, form):
    monkeypatch.setattr(copies, "SLICE", 50)
    data = full()
    source = data if form == "memory" else store(data, tmp_path / f"mine.{form}")
    made = copy(source, tmp_path, data.obs_names)
    assert_equal(made, anndata.read_h5ad(store(data, tmp_path / "expected.h5ad")), exact=True)
    assert isinstance(made.layers["by_gene"], sp.csc_matrix | sp.csc_array)


def test_a_file_by_an_old_anndata_is_rewritten(tmp_path):
    source = Path(importlib.util.find_spec("scanpy").origin).parent / "datasets" / "10x_pbmc68k_reduced.h5ad"
    old = read_h5ad(source)
    made = copy(source, tmp_path, old.obs_names)
    assert_equal(made, old)
    assert_equal(made.raw.X, old.raw.X)


def test_several_files_have_all_cells_and_the_genes_that_all_have(tmp_path):
    one, other = full(prefix="a"), full(seed=1, n_genes=10, prefix="b")[:, ::-1].copy()
    other.obs["only_here"], other.var["length"] = 1.5, 7
    del other.layers["scaled"]
    files = [store(one, tmp_path / "one.h5ad"), store(other, tmp_path / "other.zarr")]
    made = copy(files, tmp_path, [*one.obs_names, *other.obs_names])
    genes = [f"g{i}" for i in range(10)]
    assert made.var_names.tolist() == made.raw.var_names.tolist() == genes
    assert sorted(made.layers) == ["by_gene", "counts"]
    # raw keeps the order of its genes when an object is indexed.
    for part, first, second in (
        (made.X, one.X, other.X[:, ::-1]),
        (made.layers["counts"], one.layers["counts"], other.layers["counts"][:, ::-1]),
        (made.raw.X, one.raw.X, other.raw.X),
    ):
        np.testing.assert_array_equal(part.toarray(), sp.vstack([first[:, :10], second[:, :10]]).toarray())
    np.testing.assert_array_equal(made.obsm["X_pca"], np.vstack([one.obsm["X_pca"], other.obsm["X_pca"]]))
    assert list(made.obsm) == ["X_pca"]
    assert made.obs["donor"].tolist() == [*one.obs["donor"], *other.obs["donor"]]
    assert made.obs["age"].tolist() == [*one.obs["age"], *other.obs["age"]]
    assert made.obs["kept"].astype(str).tolist() == list(map(str, [*one.obs["kept"], *other.obs["kept"]]))
    assert made.obs["note"].dropna().astype(float).tolist() == [*one.obs["note"].dropna(), *other.obs["note"].dropna()]
    assert made.obs["only_here"].isna().sum() == 30
    assert made.obs["only_here"].dropna().tolist() == [1.5] * 30
    # Values of var differ between the files, or only one has the column.
    assert list(made.var) == []
    assert made.uns == {}


def test_columns_of_different_types_become_text(tmp_path):
    one, other = full(prefix="a"), full(seed=1, prefix="b")
    one.obs["lane"], other.obs["lane"] = "x", 3
    files = [store(one, tmp_path / "one.h5ad"), store(other, tmp_path / "other.h5ad")]
    made = copy(files, tmp_path, [*one.obs_names, *other.obs_names])
    assert made.obs["lane"].tolist() == ["x"] * 30 + ["3"] * 30


def test_other_cells_than_were_prepared_are_one_message_and_no_file(tmp_path):
    source = store(full(), tmp_path / "mine.h5ad")
    with pytest.raises(DataError, match=r"mine.h5ad: 30 cells, but 29 were prepared. Run the workflow again."):
        copy(source, tmp_path, map(str, range(29)))
    assert not (tmp_path / "copy.h5ad").exists()
    files = [source, store(full(prefix="d"), tmp_path / "other.h5ad")]
    with pytest.raises(DataError, match=r"mine.h5ad, .*other.h5ad: 60 cells, but 30 were prepared"):
        copy(files, tmp_path, map(str, range(30)))


def test_a_damaged_store_is_one_message(tmp_path):
    source = store(full(), tmp_path / "mine.zarr")
    shutil.rmtree(source / "obs")
    with pytest.raises(DataError, match=r"mine.zarr"):
        copy(source, tmp_path, map(str, range(30)))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["h5ad", "zarr", "joined"])
def test_memory_does_not_grow_with_the_number_of_genes(tmp_path, monkeypatch, form):
    monkeypatch.setattr(copies, "SLICE", 20_000)
    monkeypatch.setattr(rows, "CHUNK", 20_000)
    peaks, names = [], pd.DataFrame(index=[f"c{i}" for i in range(200)])
    for n_genes in (10_000, 30_000):
        data = anndata.AnnData(np.ones((200, n_genes), np.float32), obs=names)
        data.var_names = [f"g{i}" for i in range(n_genes)]
        parts = (data[:100], data[100:]) if form == "joined" else (data,)
        suffix = "zarr" if form == "zarr" else "h5ad"
        files = [store(part.copy(), tmp_path / f"{n_genes}.{i}.{suffix}") for i, part in enumerate(parts)]
        write_h5ad_atomic(anndata.AnnData(obs=names), tmp_path / "cells.h5ad")
        tracemalloc.start()
        with h5py.File(tmp_path / "cells.h5ad") as cells, copied(files, tmp_path / "copy.h5ad", names=cells["obs"]):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The matrix takes 16 MB more, as CSR 32 MB; names of the genes take some.
    assert peaks[1] < peaks[0] + 8e6


@pytest.mark.parametrize("suffix", ["h5mu", "zarr"])
def test_one_modality_of_several_is_written(tmp_path, suffix):
    data = full()
    path = tmp_path / f"mine.{suffix}"
    root = h5py.File(path, "w") if suffix == "h5mu" else zarr.open_group(path, mode="w")
    root.attrs.update({"encoding-type": "MuData", "encoding-version": "0.1.0"})
    with warnings.catch_warnings():
        # anndata announces what its next release will do.
        warnings.simplefilter("ignore")
        anndata.io.write_elem(root, "obs", data.obs[[]])
        anndata.io.write_elem(root, "var", data.var[[]])
        for name in ("rna", "protein"):
            anndata.io.write_elem(root, f"mod/{name}", data if name == "rna" else data[:, :4].copy())
    if suffix == "h5mu":
        root.close()
    made = copy(path, tmp_path, data.obs_names, mod="rna")
    assert made.shape == data.shape
    np.testing.assert_array_equal(made.X.toarray(), data.X.toarray())
    np.testing.assert_array_equal(made.layers["counts"].toarray(), data.layers["counts"].toarray())
    assert made.obs["donor"].tolist() == data.obs["donor"].tolist()
    assert inspect(path, mod="rna", layer="counts").mod == "rna"
    assert "\n    mod: rna\n" in inspect(path, mod="rna").config
