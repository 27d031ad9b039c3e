import io
import os
import subprocess
import sys

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from portal_lib.errors import DataError
from portal_lib.preparation import read_h5ad, write_h5ad_atomic
from portal_lib.preparation.reading.files import copy_h5ad, opened_h5ad
from portal_lib.preparation.reading.sources import open_source


def message(call, *arguments, **options):
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    return str(caught.value)


@pytest.fixture
def stored(counts, tmp_path):
    path = tmp_path / "mine.h5ad"
    write_h5ad_atomic(counts, path)
    return path


def test_a_written_file_is_read_unchanged(counts, stored):
    again = read_h5ad(stored)
    assert (again.X != counts.X).nnz == 0
    assert again.X.dtype == counts.X.dtype
    assert again.obs["tech"].tolist() == counts.obs["tech"].tolist()
    assert again.raw is None
    assert [path.name for path in stored.parent.iterdir()] == ["mine.h5ad"]


def test_the_same_data_give_the_same_bytes_and_are_not_changed(counts, stored):
    types = counts.obs.dtypes.tolist()
    write_h5ad_atomic(counts, stored.with_name("again.h5ad"))
    assert stored.with_name("again.h5ad").read_bytes() == stored.read_bytes()
    assert counts.obs.dtypes.tolist() == types


def test_a_missing_file_is_an_error(tmp_path):
    found = message(read_h5ad, tmp_path / "absent.h5ad")
    assert found == f"{tmp_path}/absent.h5ad: there is no such file (current folder: {os.getcwd()})."


def test_a_folder_is_an_error(tmp_path):
    assert message(read_h5ad, tmp_path) == f"{tmp_path}: is a folder, not an h5ad file."


@pytest.mark.parametrize("content", [b"", b"cell,gene\n1,2\n"])
def test_a_file_that_is_not_hdf5_is_an_error(tmp_path, content):
    path = tmp_path / "table.h5ad"
    path.write_bytes(content)
    assert message(read_h5ad, path) == f"{path}: is not an h5ad file ({len(content)} bytes, not in HDF5 format)."


def test_hdf5_without_anndata_is_an_error(tmp_path):
    path = tmp_path / "10x.h5"
    with h5py.File(path, "w") as file:
        file.create_group("matrix")
    assert message(read_h5ad, path) == f"{path}: is HDF5, but not an h5ad: it has no obs and var. Found: matrix."


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_file_is_an_error(stored, share):
    whole = stored.read_bytes()
    stored.write_bytes(whole[: int(share * len(whole))])
    found = message(read_h5ad, stored)
    assert found.startswith(f"{stored}: cannot be opened as HDF5 (")
    assert "truncated file" in found
    assert found.endswith(f"It has {int(share * len(whole)):,} bytes; copy it again.")


def test_a_damaged_file_is_an_error(stored):
    with h5py.File(stored, "r") as file:
        offset = file["X/data"].id.get_chunk_info(0).byte_offset
    damaged = bytearray(stored.read_bytes())
    damaged[offset : offset + 100] = bytes(100)
    stored.write_bytes(damaged)
    found = message(read_h5ad, stored)
    assert found.startswith(f"{stored}: cannot be read as h5ad (")
    assert "\n" not in found


def test_a_missing_layer_is_an_error(stored):
    expected = f"{stored}: has no layer 'counts'. Found: no layers. Set datasets[0].layer."
    assert message(open_source, stored, layer="counts", config_key="datasets[0]") == expected


def test_existing_layers_are_listed_for_a_missing_one(counts, tmp_path):
    counts.layers["spliced"] = counts.X
    counts.raw = counts.copy()
    write_h5ad_atomic(counts, tmp_path / "mine.h5ad")
    assert "Found: spliced, raw. Set layer." in message(open_source, tmp_path / "mine.h5ad", layer="count")


def test_the_folder_is_created(counts, tmp_path):
    write_h5ad_atomic(counts, tmp_path / "new" / "folder" / "mine.h5ad")
    assert (tmp_path / "new" / "folder" / "mine.h5ad").exists()


def test_a_folder_that_cannot_be_created_is_an_error(counts, tmp_path):
    (tmp_path / "file").touch()
    found = message(write_h5ad_atomic, counts, tmp_path / "file" / "mine.h5ad")
    assert found.startswith(f"{tmp_path}/file/mine.h5ad: cannot be written (")


def test_an_error_while_writing_keeps_the_earlier_file(counts, stored):
    before = stored.read_bytes()
    counts.uns["function"] = print
    with pytest.raises(Exception, match="function"):
        write_h5ad_atomic(counts, stored)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["mine.h5ad"]


FULL_DISK = """
import resource, sys
import numpy as np
from anndata import AnnData
from portal_lib.errors import DataError
from portal_lib.preparation import write_h5ad_atomic

adata = AnnData(np.random.default_rng(0).normal(size=(200, 200)))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
try:
    write_h5ad_atomic(adata, sys.argv[1])
except DataError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [4096, 100_000])
def test_a_full_disk_is_one_error_and_keeps_the_earlier_file(stored, limit):
    """A limit on file size simulates a full disk: the same call fails in the same way."""
    before = stored.read_bytes()
    command = [sys.executable, "-c", FULL_DISK, str(stored), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{stored}: cannot be written (File too large). No partial file is left.\n"
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["mine.h5ad"]


class FullDisk(io.FileIO):
    """A file on a full disk."""

    def __init__(self, path, mode, buffering):
        super().__init__(path, mode)

    def write(self, data):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_reported_by_its_own_message(counts, stored, monkeypatch):
    monkeypatch.setattr("portal_lib.preparation.reading.storage.open", FullDisk, raising=False)
    found = message(write_h5ad_atomic, counts, stored.with_name("next.h5ad"))
    assert found.endswith("next.h5ad: cannot be written (No space left on device). No partial file is left.")
    assert [path.name for path in stored.parent.iterdir()] == ["mine.h5ad"]


def furnished(counts):
    """An object with all slots filled."""
    counts.layers["dense"], counts.layers["columns"] = counts.X.toarray(), counts.X.tocsc()
    counts.obsm["X_pca"] = np.random.default_rng(0).normal(size=(counts.n_obs, 5)).astype(np.float32)
    counts.obsm["table"] = pd.DataFrame({"a": np.arange(counts.n_obs)}, index=counts.obs_names)
    counts.raw = counts.copy()
    counts.uns["kept"] = {"a": 1}
    return counts


def make_old(path):
    """Remove the encoding attributes that anndata writes since 0.8."""
    with h5py.File(path, "r+") as file:
        for part in (file, file["obsm"], file["uns"], file["layers"]):
            for name in ("encoding-type", "encoding-version"):
                del part.attrs[name]


def test_an_open_file_has_the_same_data_with_matrices_on_disk(counts, tmp_path):
    write_h5ad_atomic(furnished(counts), tmp_path / "a.h5ad")
    with opened_h5ad(tmp_path / "a.h5ad", keys=["tech"], use_rep="X_pca") as adata:
        assert list(adata.obs) == ["tech"]
        assert adata.obs_names.equals(counts.obs_names)
        assert adata.var_names.equals(counts.var_names)
        for found, expected in ((adata.X, counts.X), (adata.raw.X, counts.X), (adata.layers["columns"], counts.X)):
            assert not isinstance(found, sp.spmatrix)
            assert (found.to_memory() != expected).nnz == 0
        assert isinstance(adata.layers["dense"], h5py.Dataset)
        np.testing.assert_array_equal(adata.obsm["X_pca"], counts.obsm["X_pca"])
        assert adata.obsm["table"]["a"].tolist() == counts.obsm["table"]["a"].tolist()


def test_all_columns_are_read_if_a_requested_one_is_missing(counts, stored):
    with opened_h5ad(stored, keys=["teck"]) as adata:
        assert list(adata.obs) == list(counts.obs)


def test_contiguous_components_are_memory_mapped(counts, tmp_path):
    counts.obsm["X_pca"] = np.random.default_rng(0).normal(size=(counts.n_obs, 5)).astype(np.float32)
    counts.write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad") as file:
        aligned = file["obsm/X_pca"].id.get_offset() % 4 == 0
    with opened_h5ad(tmp_path / "a.h5ad", use_rep="X_pca") as adata:
        assert isinstance(adata.obsm["X_pca"], np.memmap) == aligned
        np.testing.assert_array_equal(adata.obsm["X_pca"], counts.obsm["X_pca"])


@pytest.mark.parametrize("old", [False, True])
def test_a_copy_has_all_elements_and_the_added_ones(counts, tmp_path, old):
    write_h5ad_atomic(furnished(counts), tmp_path / "a.h5ad")
    if old:
        make_old(tmp_path / "a.h5ad")
    before = (tmp_path / "a.h5ad").read_bytes()
    space = np.random.default_rng(0).normal(size=(counts.n_obs, 2)).astype(np.float32)
    with opened_h5ad(tmp_path / "a.h5ad", keys=["tech"], use_rep="X_pca") as adata:
        assert isinstance(adata.X, sp.spmatrix) == old
        np.testing.assert_array_equal(adata.obsm["X_pca"], counts.obsm["X_pca"])
    more = {"obsm": {"X_new": space, "X_pca": space}, "uns": {"portal": {"seed": 1}}}
    copy_h5ad(tmp_path / "a.h5ad", tmp_path / "b.h5ad", **more, obs={"new": pd.Categorical(counts.obs["type"])})
    assert (tmp_path / "a.h5ad").read_bytes() == before
    made = anndata.read_h5ad(tmp_path / "b.h5ad")
    assert (made.X != counts.X).nnz == (made.raw.X != counts.X).nnz == (made.layers["columns"] != counts.X).nnz == 0
    assert made.uns["kept"] == {"a": 1}
    assert made.uns["portal"] == {"seed": 1}
    assert made.obs["new"].tolist() == made.obs["type"].tolist() == counts.obs["type"].tolist()
    for name in ("X_new", "X_pca"):
        np.testing.assert_array_equal(made.obsm[name], space)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5ad", "b.h5ad"]


def test_opening_a_bad_file_raises_the_error_of_reading_it(counts, stored):
    with pytest.raises(DataError, match="there is no such file"), opened_h5ad(stored.with_name("absent.h5ad")):
        pass
    with h5py.File(stored, "r+") as file:
        del file["X"]
        file["X"] = h5py.Empty("f4")
        file["X"].attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    with pytest.raises(DataError, match="cannot be read as h5ad"), opened_h5ad(stored):
        pass


def test_importing_is_light():
    heavy = "{'torch', 'scanpy', 'sklearn', 'skmisc', 'anndata', 'h5py'}"
    code = f"import sys, portal_lib.preparation; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_empty_array_of_notes_is_kept(tmp_path):
    adata = AnnData(np.ones((2, 2), dtype=np.float32), uns={"notes": np.array([], dtype=object)})
    write_h5ad_atomic(adata, tmp_path / "a.h5ad")
    assert read_h5ad(tmp_path / "a.h5ad").uns["notes"].tolist() == []
