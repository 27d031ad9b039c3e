import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from anndata import AnnData

from portal_lib.errors import DataError
from portal_lib.preparation import read_h5ad, write_h5ad_atomic


def message(call, *arguments, **options):
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    return str(caught.value)


@pytest.fixture
def stored(counts, tmp_path):
    path = tmp_path / "mine.h5ad"
    write_h5ad_atomic(counts, path)
    return path


def test_what_is_written_is_read_again(counts, stored):
    again = read_h5ad(stored)
    assert (again.X != counts.X).nnz == 0
    assert again.X.dtype == counts.X.dtype
    assert again.obs["tech"].tolist() == counts.obs["tech"].tolist()
    assert again.raw is None
    assert [path.name for path in stored.parent.iterdir()] == ["mine.h5ad"]


def test_the_same_data_give_the_same_bytes_and_are_left_as_they_were(counts, stored):
    types = counts.obs.dtypes.tolist()
    write_h5ad_atomic(counts, stored.with_name("again.h5ad"))
    assert stored.with_name("again.h5ad").read_bytes() == stored.read_bytes()
    assert counts.obs.dtypes.tolist() == types


def test_no_file(tmp_path):
    found = message(read_h5ad, tmp_path / "absent.h5ad")
    assert found == f"{tmp_path}/absent.h5ad: there is no such file (looked from {os.getcwd()})."


def test_a_folder(tmp_path):
    assert message(read_h5ad, tmp_path) == f"{tmp_path}: is a folder, not an h5ad file."


@pytest.mark.parametrize("content", [b"", b"cell,gene\n1,2\n"])
def test_not_hdf5(tmp_path, content):
    path = tmp_path / "table.h5ad"
    path.write_bytes(content)
    assert message(read_h5ad, path) == f"{path}: is not an h5ad file ({len(content)} bytes, not in HDF5 format)."


def test_hdf5_but_not_anndata(tmp_path):
    path = tmp_path / "10x.h5"
    with h5py.File(path, "w") as file:
        file.create_group("matrix")
    assert message(read_h5ad, path) == f"{path}: is HDF5, but not an h5ad: it has no obs and var. Found: matrix."


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_cut_short(stored, share):
    whole = stored.read_bytes()
    stored.write_bytes(whole[: int(share * len(whole))])
    found = message(read_h5ad, stored)
    assert found.startswith(f"{stored}: cannot be opened as HDF5 (")
    assert "truncated file" in found
    assert found.endswith(f"It has {int(share * len(whole)):,} bytes; copy or fetch it again.")


def test_damaged_inside(stored):
    with h5py.File(stored, "r") as file:
        offset = file["X/data"].id.get_chunk_info(0).byte_offset
    damaged = bytearray(stored.read_bytes())
    damaged[offset : offset + 100] = bytes(100)
    stored.write_bytes(damaged)
    found = message(read_h5ad, stored)
    assert found.startswith(f"{stored}: cannot be read as h5ad (")
    assert "\n" not in found


def test_no_such_layer(stored):
    expected = f"{stored}: has no layer 'counts'. Found: no layers. Set datasets[0].layer."
    assert message(read_h5ad, stored, layer="counts", entry="datasets[0]") == expected


def test_the_layers_that_there_are_get_named(counts, tmp_path):
    counts.layers["spliced"] = counts.X
    counts.raw = counts.copy()
    write_h5ad_atomic(counts, tmp_path / "mine.h5ad")
    assert "Found: spliced, raw. Set layer." in message(read_h5ad, tmp_path / "mine.h5ad", layer="count")


def test_the_folder_is_made(counts, tmp_path):
    write_h5ad_atomic(counts, tmp_path / "new" / "folder" / "mine.h5ad")
    assert (tmp_path / "new" / "folder" / "mine.h5ad").exists()


def test_a_folder_that_cannot_be_made(counts, tmp_path):
    (tmp_path / "file").touch()
    found = message(write_h5ad_atomic, counts, tmp_path / "file" / "mine.h5ad")
    assert found.startswith(f"{tmp_path}/file/mine.h5ad: cannot be written (")


def test_an_error_while_writing_leaves_the_earlier_file(counts, stored):
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


@pytest.mark.parametrize("room", [4096, 100_000])
def test_no_room_is_one_error_and_the_earlier_file_stays(stored, room):
    """A limit on file size stands for a full disk: the same failure of the same call."""
    before = stored.read_bytes()
    command = [sys.executable, "-c", FULL_DISK, str(stored), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{stored}: cannot be written (File too large; ")
    assert done.stdout.endswith(" bytes). Nothing half-written was left.\n")
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["mine.h5ad"]


def test_the_disk_is_full(counts, stored, monkeypatch):
    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    found = message(write_h5ad_atomic, counts, stored.with_name("next.h5ad"))
    assert "cannot be written (No space left on device; " in found
    assert [path.name for path in stored.parent.iterdir()] == ["mine.h5ad"]


def test_importing_is_light():
    heavy = "{'torch', 'scanpy', 'sklearn', 'skmisc', 'anndata', 'h5py'}"
    code = f"import sys, portal_lib.preparation; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_empty_array_of_notes_is_kept(tmp_path):
    adata = AnnData(np.ones((2, 2), dtype=np.float32), uns={"notes": np.array([], dtype=object)})
    write_h5ad_atomic(adata, tmp_path / "a.h5ad")
    assert read_h5ad(tmp_path / "a.h5ad").uns["notes"].tolist() == []
