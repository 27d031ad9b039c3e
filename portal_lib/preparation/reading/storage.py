"""Large arrays in HDF5: read with all threads, written chunk by chunk, whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from portal_lib._files import replacing
from portal_lib.errors import DataError

if TYPE_CHECKING:
    import h5py
    import pandas as pd
    import scipy.sparse as sp

    from portal_lib.preparation.reading.names import Names

# Elements of one compressed chunk: 512 KiB of 4-byte numbers.
PIECE = 2**17
LEVEL = 1
# anndata drops these two for scalars, which cannot be compressed, but not the shuffle filter.
GZIP = {"compression": "gzip", "compression_opts": LEVEL}
SHUFFLED = GZIP | {"shuffle": True}
# Bytes of the largest number type; memory maps need aligned numbers.
ALIGNMENT = 8
# The groups of an h5ad file other than X; readers expect all of them.
GROUPS = ("layers", "obs", "obsm", "obsp", "uns", "var", "varm", "varp")


def is_zarr(path: str | Path) -> bool:
    """Whether a folder is a zarr store."""
    return any(Path(path, name).is_file() for name in ("zarr.json", ".zgroup"))


def available_threads() -> int:
    """CPU cores this process may use, or OMP_NUM_THREADS where that is fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(given)) if given.isdigit() and int(given) > 0 else cores


class Reader:
    """Slices of a one-dimensional array on disk.

    Parameters
    ----------
    array
        Dataset of h5py, or array of zarr.
    pool
        Threads for decompression, since HDF5 itself uses one. Used where the filters are gzip with or without shuffle;
        HDF5 handles all others.
    """

    def __init__(self, array: Any, pool: ThreadPoolExecutor):
        self._array, self._pool = array, pool
        self._own = _is_deflated(array)
        self._last: tuple[int, np.ndarray] | None = None

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(self._array.shape[0])
        if not self._own or stop <= start:
            return stored_slice(self._array, start, stop)
        size = self._array.chunks[0]
        pieces = range(start // size, (stop - 1) // size + 1)
        made = np.empty(stop - start, self._array.dtype)

        def place(number: int) -> np.ndarray:
            values = self._piece(number * size)
            low, high = max(start, number * size), min(stop, (number + 1) * size)
            made[low - start : high - start] = values[low - number * size : high - number * size]
            return values

        for number, values in zip(pieces, self._pool.map(place, pieces), strict=True):
            self._last = (number * size, values)
        return made

    def _piece(self, offset: int) -> np.ndarray:
        """One chunk of the file, decompressed; the last one is cached, since slices meet inside chunks."""
        # Read once, because other threads replace it.
        last = self._last
        if last is not None and last[0] == offset:
            return last[1]
        dtype = self._array.dtype
        packed = self._packed(offset)
        if packed is None:
            return stored_slice(self._array, offset, offset + self._array.chunks[0])
        try:
            data = np.frombuffer(zlib.decompress(packed), np.uint8)
        except zlib.error as error:
            raise _damaged(self._array, offset, error) from None
        if self._array.shuffle:
            # The shuffle filter stores all first bytes, then all second ones. Copying columns beats a transpose.
            bytes_of = np.empty((len(data) // dtype.itemsize, dtype.itemsize), np.uint8)
            for k, column in enumerate(data.reshape(dtype.itemsize, -1)):
                bytes_of[:, k] = column
            data = bytes_of.reshape(-1)
        return data.view(dtype)

    def _packed(self, offset: int) -> bytes | None:
        """A chunk in compressed form; None if some filter was not applied to it, or it was never written."""
        info = self._array.id.get_chunk_info_by_coord((offset,))
        if info.byte_offset is None or info.filter_mask:
            return None
        return self._array.id.read_direct_chunk((offset,))[1]


def stored_slice(array: Any, start: int, stop: int, axis: int = 0) -> np.ndarray:
    """Some values, rows or columns of an array of h5py or zarr; DataError if the file is damaged there."""
    try:
        return np.asarray(array[start:stop] if axis == 0 else array[:, start:stop])
    except (OSError, RuntimeError, ValueError) as error:
        raise _damaged(array, start, error) from error


def stored_in(array: Any) -> str:
    """File and name of an array or group of h5py or zarr, for messages."""
    return f"{array.file.filename if hasattr(array, 'file') else array.store}: {array.name}"


def _damaged(array: Any, start: int, error: Exception) -> DataError:
    return DataError(f"{stored_in(array)} is damaged from {start:,} on ({error}).")


def _is_deflated(array: Any) -> bool:
    """Whether a dataset of h5py is chunked and compressed by gzip only, with or without shuffle."""
    if not hasattr(array, "id") or array.chunks is None or array.dtype.kind not in "biuf":
        return False
    import h5py

    filters = array.id.get_create_plist()
    codes = [filters.get_filter(k)[0] for k in range(filters.get_nfilters())]
    return codes in ([h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE])


class H5adWriter:
    """Writes an h5ad file in parts; the file appears whole or not at all.

    Parameters
    ----------
    path
        The file; its folder is created if needed. An existing file is replaced only when the new one is complete.
    copy_of
        Start from a copy of this h5ad file, possibly `path` itself; default: an empty file.
    threads
        For compression; default: all.

    Raises
    ------
    DataError
        On leaving the context or at any call: the disk is full, or the file cannot be written for another reason.
        No partial file is left.

    Notes
    -----
    HDF5 does not survive a full disk: closing its handles fails repeatedly and ends in a segmentation fault. So it
    writes to a file object that records the first error and pretends that later writes succeed.
    """

    def __init__(self, path: str | Path, *, copy_of: str | Path | None = None, threads: int | None = None):
        self.path = Path(path)
        self._copy_of = copy_of
        self._pool = ThreadPoolExecutor(threads or available_threads())
        self._rows: list[CSRAppender] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(replacing(self.path))
            if self._copy_of is not None:
                shutil.copyfile(self._copy_of, temporary)
            self._open(temporary)
            self._replacing = stack.pop_all()
        return self

    def _open(self, temporary: Path) -> None:
        import h5py

        new = self._copy_of is None
        self._target = _FirstFailure(temporary, new=new)
        try:
            # Unchunked arrays can be memory-mapped only if their numbers are aligned.
            self.file = h5py.File(
                self._target, "w" if new else "r+", alignment_threshold=1, alignment_interval=ALIGNMENT
            )
        except BaseException:
            self._target.close()
            raise
        if new:
            self.file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})

    def __exit__(self, kind, error, trace) -> None:
        with self._replacing:
            try:
                try:
                    if kind is None:
                        self._complete()
                finally:
                    self._close()
            except Exception:
                self.check()
                raise
            if kind is None or (issubclass(kind, Exception) and not issubclass(kind, DataError)):
                # After a failed write, HDF5 raises errors of its own; report the first cause instead.
                self.check()
            if error is not None:
                raise error

    def element(self, key: str, value: Any) -> None:
        """Store anything that h5ad supports: a table, dict, array or matrix. An existing one is replaced."""
        from anndata.io import write_elem

        self._make_parents(key)
        folder, _, name = key.strip("/").rpartition("/")
        write_elem(self.file[folder or "/"], name, value, dataset_kwargs=GZIP)
        self.check()

    def column(self, table: str, name: str, values: Any) -> None:
        """Add a column to a stored table, or replace it."""
        self.element(f"{table}/{name}", values)
        order = [str(column) for column in self.file[table].attrs["column-order"]]
        if name not in order:
            self.file[table].attrs["column-order"] = [*order, name]
        self.check()

    def names(self, key: str, table: h5py.Group) -> None:
        """Store a table without columns, with the row names of a table in another file, copied without reading them."""
        made = self.file.create_group(key)
        made.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
        made.attrs["column-order"] = []
        table.copy(table[table.attrs["_index"]], made, "_index")
        self.check()

    def table(self, key: str, columns: pd.DataFrame, names: Names) -> None:
        """Store obs or var: its columns and row names."""
        import pandas as pd
        from anndata.io import write_elem
        from h5py import string_dtype

        group = self.file.create_group(key)
        order = np.array([str(name) for name in columns], dtype=object)
        group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
        group.attrs.create("column-order", order, dtype=string_dtype())
        for name, column in columns.items():
            values = column.array if isinstance(column.dtype, pd.CategoricalDtype) else column.to_numpy()
            write_elem(group, str(name), values, dataset_kwargs=GZIP)
        stored = group.create_dataset("_index", (len(names),), string_dtype(), **GZIP)
        stored.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
        start = 0
        for part in names.chunks():
            stored[start : start + len(part)] = np.array(part, dtype=object)
            start += len(part)
        self.check()

    def csr(self, key: str, n_columns: int, dtype: Any = np.float32, index_dtype: Any = np.int32) -> CSRAppender:
        """A sparse matrix to which rows are appended."""
        self._make_parents(key)
        self._rows.append(CSRAppender(self, self.file.create_group(key), n_columns, dtype, index_dtype, self._pool))
        return self._rows[-1]

    def group(self, key: str, attributes: Mapping[str, Any] | None = None) -> h5py.Group:
        """A group of elements with these attributes, such as its encoding; made if there is none."""
        if not key:
            return self.file
        self._make_parents(f"{key}/_")
        made = self.file[key]
        made.attrs.update(attributes or {})
        return made

    def dense(self, key: str, shape: tuple[int, ...], dtype: Any = np.float32) -> h5py.Dataset:
        """An array to be filled slice by slice; neither compressed nor chunked, so that it can be memory-mapped."""
        self._make_parents(key)
        if key in self.file:
            del self.file[key]
        made = self.file.create_dataset(key, shape, dtype)
        made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        return made

    def check(self) -> None:
        """Raise the first error of writing, if there was one."""
        if (error := self._target.error) is not None:
            reason = error.strerror or error
            raise DataError(f"{self.path}: cannot be written ({reason}). No partial file is left.") from error

    def _complete(self) -> None:
        for rows in self._rows:
            rows.finish()
        for name in GROUPS:
            if name not in self.file:
                self.element(name, {})

    def _make_parents(self, key: str) -> None:
        """Create the groups that contain an element."""
        from anndata.io import write_elem

        parents = key.strip("/").split("/")[:-1]
        for n, name in enumerate(parents):
            folder = self.file["/".join(parents[:n]) or "/"]
            if name not in folder:
                write_elem(folder, name, {})

    def _close(self) -> None:
        try:
            self.file.close()
        finally:
            self._target.close()
            self._pool.shutdown()


class CSRAppender:
    """Rows of a sparse matrix in an open file; see :meth:`H5adWriter.csr`."""

    def __init__(self, writer: H5adWriter, group: h5py.Group, n_columns: int, dtype: Any, index_dtype: Any, pool):
        self._writer, self.group, self._pool = writer, group, pool
        self._n_columns = n_columns
        self._indptr, self._nnz = [np.zeros(1, np.int64)], 0
        kwargs = {"shape": (0,), "maxshape": (None,), "chunks": (PIECE,)} | SHUFFLED
        self._arrays = {
            name: group.create_dataset(name, dtype=kind, **kwargs)
            for name, kind in (("data", dtype), ("indices", index_dtype))
        }
        self._waiting: dict[str, list[np.ndarray]] = {name: [] for name in self._arrays}
        for array in self._arrays.values():
            array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})

    @property
    def nnz(self) -> int:
        """Values stored so far."""
        return self._nnz

    def append(self, rows: sp.csr_matrix) -> None:
        """Append rows; indices must be sorted."""
        self._indptr.append(rows.indptr[1:].astype(np.int64) - rows.indptr[0] + self.nnz)
        self._nnz += int(rows.indptr[-1] - rows.indptr[0])
        for name, values in (("data", rows.data), ("indices", rows.indices)):
            self._waiting[name].append(values.astype(self._arrays[name].dtype, copy=False))
            if sum(map(len, self._waiting[name])) >= 8 * PIECE:
                self._flush(name, whole=False)
        self._writer.check()

    def finish(self) -> None:
        """Write the rest and the row pointers; no rows may be appended after."""
        for name in self._arrays:
            self._flush(name, whole=True)
        if "indptr" not in self.group:
            indptr = np.concatenate(self._indptr)
            stored = self.group.create_dataset("indptr", data=indptr, **SHUFFLED)
            stored.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            shape = np.array([len(indptr) - 1, self._n_columns])
            self.group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": shape})
        self._writer.file.flush()
        self._writer.check()

    def _flush(self, name: str, *, whole: bool) -> None:
        """Compress full chunks with all threads and store them; with `whole` also the rest."""
        values = np.concatenate([np.empty(0, self._arrays[name].dtype), *self._waiting[name]])
        n = len(values) if whole else len(values) // PIECE * PIECE
        array, start = self._arrays[name], self._arrays[name].shape[0]
        array.resize((start + n,))
        pieces = [values[k : min(k + PIECE, n)] for k in range(0, n, PIECE)]
        for k, packed in enumerate(self._pool.map(_pack, pieces)):
            array.id.write_direct_chunk((start + k * PIECE,), packed)
        self._waiting[name] = [values[n:].copy()]


def _pack(values: np.ndarray) -> bytes:
    """One chunk after shuffle and gzip; a short one is padded with zeros."""
    full = np.zeros(PIECE, values.dtype)
    full[: len(values)] = values
    bytes_of = full.view(np.uint8).reshape(PIECE, -1)
    shuffled = np.empty(bytes_of.shape[::-1], np.uint8)
    for k, row in enumerate(shuffled):
        row[:] = bytes_of[:, k]
    return zlib.compress(shuffled.data, LEVEL)


class _FirstFailure(io.RawIOBase):
    """A file that records the first error of writing; all later writes seem to succeed."""

    def __init__(self, path: Path, *, new: bool):
        super().__init__()
        self._file = open(path, "w+b" if new else "r+b", buffering=0)  # noqa: SIM115
        self.error: OSError | None = None

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        n = len(view)
        try:
            while self.error is None and len(view):
                view = view[self._file.write(view) :]
        except OSError as error:
            self.error = error
        return n

    def readinto(self, buffer) -> int:
        view = memoryview(buffer).cast("B")
        n = self._file.readinto(view)
        # Bytes that could not be written read as zeros.
        view[n:] = bytes(len(view) - n)
        return len(view)

    def seek(self, offset, whence=os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size=None) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self.error = self.error or error
        super().close()
