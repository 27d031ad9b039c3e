"""Arrays in HDF5: data written in parts are read back, and a full disk is one error."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from portal_lib.errors import DataError
from portal_lib.preparation.reading.storage import PIECE, H5adWriter, Reader


def made_rows(n_values, n_columns=50, dtype=np.float32, seed=0):
    """CSR with about that many values, some empty rows, and sorted indices."""
    rng = np.random.default_rng(seed)
    per_row = rng.integers(0, 8, size=max(n_values // 4, 1))
    per_row[rng.random(len(per_row)) < 0.1] = 0
    indptr = np.concatenate([[0], np.cumsum(per_row)])
    indptr = indptr[: np.searchsorted(indptr, n_values, side="right")]
    indices = [np.sort(rng.choice(n_columns, size=n, replace=False)) for n in np.diff(indptr)]
    indices = np.concatenate([np.empty(0, np.int32), *indices]).astype(np.int32)
    return sp.csr_matrix(
        (rng.integers(1, 1000, size=len(indices)).astype(dtype), indices, indptr), (len(indptr) - 1, n_columns)
    )


def write(path, parts, n_columns=50, dtype=np.float32, **elements):
    with H5adWriter(path, threads=2) as out:
        rows = out.csr("X", n_columns, dtype)
        for part in parts:
            rows.append(part)
        rows.finish()
        n = out.file["X/indptr"].shape[0] - 1
        out.element("obs", pd.DataFrame(index=[f"cell{i}" for i in range(n)]))
        out.element("var", pd.DataFrame(index=[f"gene{i}" for i in range(n_columns)]))
        for key, value in elements.items():
            out.element(key, value)


def split(matrix, sizes):
    bounds = np.cumsum([0, *sizes, matrix.shape[0]]).clip(max=matrix.shape[0])
    return [matrix[start:stop] for start, stop in pairwise(bounds)]


def equal(found, expected):
    assert found.dtype == expected.dtype
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_appended_rows_are_read_by_anndata(tmp_path, dtype):
    rows = made_rows(20_000, dtype=dtype)
    write(
        tmp_path / "a.h5ad", split(rows, [0, 1, 7, 0, 1000]), dtype=dtype, uns={"n": 3, "names": np.array(["a", "b"])}
    )
    found = anndata.read_h5ad(tmp_path / "a.h5ad")
    equal(found.X, rows)
    assert found.shape == rows.shape
    assert found.obs_names[1] == "cell1"
    assert found.uns["n"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]


@pytest.mark.parametrize("n_values", [PIECE - 1, PIECE, PIECE + 1, 9 * PIECE + 5])
def test_sizes_around_the_chunk_length_are_stored(tmp_path, n_values):
    rng = np.random.default_rng(0)
    indptr = np.append(np.arange(0, n_values, 50), n_values)
    rows = sp.csr_matrix(
        (rng.integers(1, 9, size=n_values).astype(np.float32), np.arange(n_values) % 50, indptr), (len(indptr) - 1, 50)
    )
    write(tmp_path / "a.h5ad", split(rows, [1, len(indptr) // 2]))
    equal(anndata.read_h5ad(tmp_path / "a.h5ad").X, rows)


@pytest.mark.parametrize(
    "parts", [[], [sp.csr_matrix((0, 50), dtype=np.float32)], [sp.csr_matrix((9, 50), dtype=np.float32)]]
)
def test_empty_matrices_and_empty_rows_are_stored(tmp_path, parts):
    write(tmp_path / "a.h5ad", parts)
    found = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert found.shape == (sum(part.shape[0] for part in parts), 50)
    assert found.X.nnz == 0


@pytest.mark.slow
def test_the_same_rows_in_other_parts_give_the_same_bytes(tmp_path):
    rows = made_rows(5 * PIECE)
    for name, sizes in (("a", [3]), ("b", [0, rows.shape[0] // 2, 100])):
        write(tmp_path / name, split(rows, sizes))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_dense_array_is_contiguous_and_can_be_memory_mapped(tmp_path):
    values = np.random.default_rng(0).normal(size=(1000, 7)).astype(np.float32)
    with H5adWriter(tmp_path / "a.h5ad") as out:
        out.element("uns", {"odd": np.frombuffer(b"xyz", np.uint8)})
        for name in ("obs", "var"):
            out.element(name, pd.DataFrame(index=[f"c{i}" for i in range(1000)] if name == "obs" else []))
        stored = out.dense("obsm/X_pca", values.shape)
        for start in range(0, 1000, 300):
            stored[start : start + 300] = values[start : start + 300]
    with h5py.File(tmp_path / "a.h5ad") as file:
        stored = file["obsm/X_pca"]
        assert (stored.chunks, stored.compression) == (None, None)
        offset = stored.id.get_offset()
        assert offset % 8 == 0
        assert file["obsm"].attrs["encoding-type"] == "dict"
    found = np.memmap(tmp_path / "a.h5ad", np.float32, "r", offset=offset, shape=values.shape)
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(anndata.read_h5ad(tmp_path / "a.h5ad").obsm["X_pca"], values)


def test_names_are_copied_from_file_to_file(tmp_path):
    data = AnnData(np.ones((3, 2)), obs=pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(["x", "ä", "z"], name="cell")))
    data.write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad") as file, H5adWriter(tmp_path / "b.h5ad") as out:
        out.names("obs", file["obs"])
    made = anndata.read_h5ad(tmp_path / "b.h5ad")
    assert made.obs_names.tolist() == ["x", "ä", "z"]
    assert list(made.obs) == []


def test_a_copy_gets_additional_elements(tmp_path):
    data = AnnData(np.ones((3, 2)), obs=pd.DataFrame({"a": [1, 2, 3]}, index=list("xyz")), uns={"kept": 1})
    data.obsm["old"] = np.zeros((3, 1))
    data.write_h5ad(tmp_path / "a.h5ad")
    before = (tmp_path / "a.h5ad").read_bytes()
    with H5adWriter(tmp_path / "b.h5ad", copy_of=tmp_path / "a.h5ad") as out:
        out.element("obsm/new", np.ones((3, 2)))
        out.dense("obsm/old", (3, 2), np.float64)[:] = 2
        out.element("uns/portal", {"seed": 1})
        out.column("obs", "b", pd.Categorical(["u", "v", "u"]))
        out.column("obs", "a", np.array([4, 5, 6]))
    assert (tmp_path / "a.h5ad").read_bytes() == before
    made = anndata.read_h5ad(tmp_path / "b.h5ad")
    assert (sorted(made.obsm), made.uns) == (["new", "old"], {"kept": 1, "portal": {"seed": 1}})
    assert made.obsm["old"].tolist() == [[2, 2]] * 3
    assert made.obs["b"].tolist() == ["u", "v", "u"]
    assert (list(made.obs), made.obs["a"].tolist()) == (["a", "b"], [4, 5, 6])
    with H5adWriter(tmp_path / "a.h5ad", copy_of=tmp_path / "a.h5ad") as out:
        out.element("uns/kept", 2)
    assert anndata.read_h5ad(tmp_path / "a.h5ad").uns["kept"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5ad", "b.h5ad"]


def test_a_copy_of_a_missing_or_bad_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"b\.h5ad: cannot be written \(No such file or directory\)"):
        H5adWriter(tmp_path / "b.h5ad", copy_of=tmp_path / "a.h5ad").__enter__()
    (tmp_path / "a.h5ad").write_text("text")
    with pytest.raises(DataError, match=r"b\.h5ad: cannot be written \(.*signature"):
        H5adWriter(tmp_path / "b.h5ad", copy_of=tmp_path / "a.h5ad").__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_an_exception_keeps_the_earlier_file(tmp_path, error):
    write(tmp_path / "a.h5ad", [made_rows(100)])
    before = (tmp_path / "a.h5ad").read_bytes()

    def fail(start):
        with H5adWriter(tmp_path / "a.h5ad", copy_of=start) as out:
            out.csr("layers/more", 50).append(made_rows(1000))
            raise error

    for start in (None, tmp_path / "a.h5ad"):
        with pytest.raises(type(error)):
            fail(start)
    assert (tmp_path / "a.h5ad").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/a\.h5ad: cannot be written \("):
        H5adWriter(tmp_path / "file" / "a.h5ad").__enter__()


STORED = {
    "gzip": {"chunks": (100,), "compression": "gzip"},
    "gzip and shuffle": {"chunks": (100,), "compression": "gzip", "shuffle": True},
    "lzf": {"chunks": (100,), "compression": "lzf"},
    "checksums": {"chunks": (100,), "compression": "gzip", "fletcher32": True},
    "pieces": {"chunks": (100,)},
    "one piece": {},
}
SLICES = [slice(0, 0), slice(0, 1), slice(0, 100), slice(99, 101), slice(150, 420), slice(900, 1030), slice(1029, 2000)]


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i8", ">i2", "u1", "?"])
@pytest.mark.parametrize("kind", STORED)
def test_slices_equal_h5py(tmp_path, kind, dtype):
    values = np.random.default_rng(0).integers(0, 100, size=1030).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file, ThreadPoolExecutor(2) as pool:
        array = file.create_dataset("x", data=values, **STORED[kind])
        reader = Reader(array, pool)
        for rows in SLICES:
            found = reader[rows]
            assert found.dtype == values.dtype
            np.testing.assert_array_equal(found, values[rows])


def test_chunks_that_are_missing_or_not_compressed_are_read(tmp_path):
    values = np.arange(100, dtype="<i4")
    with h5py.File(tmp_path / "a.h5", "w") as file, ThreadPoolExecutor(2) as pool:
        array = file.create_dataset("x", (1000,), "<i4", chunks=(100,), compression="gzip", fillvalue=7)
        array.id.write_direct_chunk((300,), values.tobytes(), 1)
        found = Reader(array, pool)[:]
        np.testing.assert_array_equal(found, array[:])
    np.testing.assert_array_equal(found[300:400], values)
    assert (np.delete(found, np.s_[300:400]) == 7).all()


def test_a_damaged_chunk_is_an_error(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file, ThreadPoolExecutor(2) as pool:
        array = file.create_dataset("x", data=np.zeros(1000), chunks=(100,), compression="gzip")
        array.id.write_direct_chunk((300,), b"nonsense")
        with pytest.raises(DataError, match=r"a\.h5: /x is damaged from 300 on \("):
            Reader(array, pool)[:]


FULL_DISK = """
import resource, sys
import anndata, numpy as np, pandas as pd, scipy.sparse as sp
from portal_lib.errors import DataError
from portal_lib.preparation.reading.storage import H5adWriter

path, limit, start = sys.argv[1], int(sys.argv[2]), sys.argv[3] or None
rng = np.random.default_rng(0)
rows = sp.random(20_000, 100, 0.1, "csr", dtype=np.float32, random_state=rng)
names = pd.Index([f"cell{i}" for i in range(20_000)])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
try:
    with H5adWriter(path, copy_of=start) as out:
        if start is None:
            counts = out.csr("X", 100)
            for k in range(0, 20_000, 1000):
                counts.append(rows[k : k + 1000])
            out.element("obs", pd.DataFrame({"a": rng.normal(size=20_000)}, index=names))
        stored = out.dense("obsm/x", (20_000, 30))
        for k in range(0, 20_000, 1000):
            stored[k : k + 1000] = 1
        for k in range(20):
            out.element(f"uns/{k}", {"values": rng.normal(size=1000), "text": np.array(["ab"] * 100, dtype=object)})
        out.column("obs", "b", names.to_numpy(dtype=object))
    print("done")
except DataError as error:
    print(error)
"""


def fill_disk(path, limit, start=""):
    command = [sys.executable, "-c", FULL_DISK, str(path), str(limit), str(start)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A complete file, and the size of a copy with additional elements."""
    path = tmp_path_factory.mktemp("whole") / "whole.h5ad"
    assert fill_disk(path, 10**9).stdout == "done\n"
    assert fill_disk(path.with_name("more.h5ad"), 10**9, path).stdout == "done\n"
    return path, path.with_name("more.h5ad").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("start", ["", "copy"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.95, 0.9999])
def test_a_full_disk_is_one_error(whole, tmp_path, share, start):
    """A limit on file size simulates a full disk: the same call fails in the same way."""
    path = tmp_path / "a.h5ad"
    write(path, [made_rows(100)])
    before = path.read_bytes()
    start, size = (whole[0], whole[1]) if start else ("", whole[0].stat().st_size)
    done = fill_disk(path, int(size * share), start)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}: cannot be written (File too large). No partial file is left.\n"
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5ad"]
