"""Rows of a count matrix in chunks, from memory, HDF5 or zarr, in bounded memory."""

import itertools
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import scipy.sparse as sp

from portal_lib.errors import DataError
from portal_lib.preparation.reading.storage import Reader, available_threads, stored_in, stored_slice

# Stored values in one chunk of rows; about 4 MiB, and three or four chunks are in memory at a time.
CHUNK = 2**19
# Spilled rows beyond this many bytes go to a file.
MOST_IN_MEMORY = 2**26
# Chunks of a dense matrix are read whole if their rows fit into this many bytes.
MOST_DENSE = 2**28

Item = TypeVar("Item")


@dataclass
class Clock:
    """Seconds of reading (in its own thread), and seconds that the computation waited for it."""

    read: float = 0.0
    waited: float = 0.0

    def ahead(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items in order; the next one is read while the current one is in use."""
        end = object()
        source = iter(items)

        def make():
            start = time.perf_counter()
            try:
                return next(source, end)
            finally:
                self.read += time.perf_counter() - start

        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(make)
            while True:
                start = time.perf_counter()
                item = coming.result()
                self.waited += time.perf_counter() - start
                if item is end:
                    return
                coming = pool.submit(make)
                yield item


class Rows:
    """Rows of a matrix, chunk by chunk.

    Attributes
    ----------
    shape
        Cells × genes.
    dtype
        Of the stored values.
    dropped
        Counts of each cell in genes that are left out because other files lack them, shape (n_cells,); known once all
        rows were read. None if no gene is left out.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    dropped: np.ndarray | None = None

    def chunks(self) -> Iterator[sp.csr_matrix]:
        """All rows in order: CSR with int32 indices, sorted and without duplicates; values as stored.

        Raises
        ------
        DataError
            The matrix is damaged.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close files."""


def rows_of(matrix: object, *, threads: int | None = None, scratch: str | Path | None = None) -> Rows | None:
    """The rows of a matrix in memory (dense, CSR, CSC), or on disk in the format of h5ad or zarr.

    Values of half or extended precision and of foreign byte order, which scipy cannot compute with, become the nearest
    type that it can (:func:`number_type`); none changes a whole number below 2¹¹.

    Parameters
    ----------
    matrix
        Array, scipy sparse matrix, dataset or group of h5py or zarr, or a sparse dataset of anndata.
    threads
        For decompression; default: all.
    scratch
        Folder for the transposed copy of a matrix that is stored by columns; default: that of temporary files.

    Returns
    -------
    The rows, or None for anything else, such as a matrix of texts.
    """
    matrix = getattr(matrix, "group", matrix)
    if isinstance(matrix, Rows):
        return matrix if matrix.dtype.kind in "biuf" else None
    if sp.issparse(matrix) or isinstance(matrix, np.ndarray):
        made: Rows = _InMemory(matrix)
    elif hasattr(matrix, "attrs") and "encoding-type" in matrix.attrs and hasattr(matrix, "keys"):
        kinds = {"csr_matrix": _StoredByRow, "csc_matrix": _StoredByColumn}
        kind = kinds.get(str(matrix.attrs["encoding-type"]))
        if kind is None:
            return None
        made = kind(matrix, threads or available_threads(), scratch)
    elif len(getattr(matrix, "shape", None) or ()) != 2:
        return None
    elif hasattr(matrix, "chunks"):
        made = _StoredDense(matrix)
    else:
        return None
    return made if made.dtype.kind in "biuf" and len(made.shape) == 2 else None


def number_type(dtype: Any) -> np.dtype:
    """The type in which values of `dtype` are given: of native byte order, and of at least 32 bits if floating.

    float16 has whole numbers exactly up to 2¹¹, so a float16 file holds no others; extended precision becomes float64.
    """
    native = np.dtype(dtype).newbyteorder("=")
    if native.kind != "f":
        return native
    return np.dtype(np.float32 if native.itemsize <= 4 else np.float64)


def canonical(rows: sp.csr_matrix) -> sp.csr_matrix:
    """The same rows with sorted indices and no duplicates; a copy only if needed."""
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return rows


def _bounds(indptr: np.ndarray, size: int) -> np.ndarray:
    """Row numbers that bound chunks of about `size` stored values, at least one row each."""
    n_rows, bounds = len(indptr) - 1, [0]
    while bounds[-1] < n_rows:
        stop = int(np.searchsorted(indptr, indptr[bounds[-1]] + size, side="right")) - 1
        # Empty rows hold no values, but still cost time.
        bounds.append(min(max(stop, bounds[-1] + 1), bounds[-1] + max(size // 16, 1), n_rows))
    return np.array(bounds)


class _InMemory(Rows):
    def __init__(self, matrix: np.ndarray | sp.spmatrix):
        self._matrix = matrix if isinstance(matrix, np.ndarray) else matrix.tocsr()
        self.shape, self.dtype = matrix.shape, number_type(matrix.dtype)

    def chunks(self) -> Iterator[sp.csr_matrix]:
        if isinstance(self._matrix, np.ndarray):
            yield from _dense_chunks(self._matrix, max(1, CHUNK // self.shape[1]))
        else:
            data, indices, indptr = self._matrix.data, self._matrix.indices, self._matrix.indptr
            bounds = _bounds(indptr, CHUNK)
            for start, stop in itertools.pairwise(bounds):
                here = slice(int(indptr[start]), int(indptr[stop]))
                pointers = indptr[start : stop + 1] - indptr[start]
                yield _rows(data[here], indices[here], pointers, self.shape[1])


class _StoredDense(Rows):
    def __init__(self, array: Any):
        self._array = array
        self.shape, self.dtype = tuple(array.shape), number_type(array.dtype)

    def chunks(self) -> Iterator[sp.csr_matrix]:
        rows, pieces = max(1, CHUNK // self.shape[1]), self._array.chunks
        if pieces is not None and pieces[0] * self.shape[1] * self.dtype.itemsize <= MOST_DENSE:
            # Read no chunk of the file twice.
            rows = -(-rows // pieces[0]) * pieces[0]
        yield from _dense_chunks(self._array, rows)


def _dense_chunks(array: Any, size: int) -> Iterator[sp.csr_matrix]:
    for start in range(0, array.shape[0], size):
        part = stored_slice(array, start, start + size)
        made = sp.csr_matrix(part.astype(number_type(part.dtype), copy=False))
        yield _rows(made.data, made.indices, made.indptr, array.shape[1])


class _Stored(Rows):
    """CSR or CSC, in HDF5 or zarr."""

    def __init__(self, group: Any, threads: int, scratch: str | Path | None, shape: tuple[int, int] | None = None):
        self._group, self._scratch = group, scratch
        self._pool = ThreadPoolExecutor(threads)
        self.shape = shape or cast("tuple[int, int]", tuple(int(n) for n in group.attrs["shape"]))
        self.dtype = number_type(group["data"].dtype)
        self._data, self._indices = (Reader(group[name], self._pool) for name in ("data", "indices"))
        self._stored_pointers = group["indptr"]

    def close(self) -> None:
        self._pool.shutdown()

    def _pointers(self, n: int) -> np.ndarray:
        """Row or column pointers, checked."""
        indptr = stored_slice(self._stored_pointers, 0, n + 2).astype(np.int64)
        stored = min(self._group[name].shape[0] for name in ("data", "indices"))
        if len(indptr) != n + 1 or indptr[0] != 0 or (np.diff(indptr) < 0).any() or indptr[-1] > stored:
            raise DataError(f"{stored_in(self._group)} is damaged: its indptr does not fit its {stored:,} values.")
        return indptr

    def _slices(self, indptr: np.ndarray, n_other: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
        """Values, indices and pointers of some rows (or columns) at a time, and the number of the first."""
        bounds = _bounds(indptr, CHUNK)
        for start, stop in itertools.pairwise(bounds):
            here = slice(int(indptr[start]), int(indptr[stop]))
            data, indices = self._data[here], self._indices[here]
            if indices.size and not 0 <= indices.min() <= indices.max() < n_other:
                raise DataError(f"{stored_in(self._group)} is damaged: an index is outside of 0 to {n_other - 1:,}.")
            yield data, indices, indptr[start : stop + 1] - here.start, int(start)


class _StoredByRow(_Stored):
    def chunks(self) -> Iterator[sp.csr_matrix]:
        for data, indices, pointers, _ in self._slices(self._pointers(self.shape[0]), self.shape[1]):
            yield _rows(data, indices, pointers, self.shape[1])


def stored_by_row(group: Any, shape: tuple[int, int], threads: int | None = None) -> Rows:
    """The rows of a group with ``data``, ``indices`` and ``indptr`` of this shape, such as a 10x matrix of cells."""
    return _StoredByRow(group, threads or available_threads(), None, shape)


class Transposed(Rows):
    """Rows of the transpose of a dense matrix in HDF5: the cells of a loom file, which stores genes × cells."""

    def __init__(self, array: Any):
        self._array = array
        self.shape, self.dtype = (array.shape[1], array.shape[0]), number_type(array.dtype)

    def chunks(self) -> Iterator[sp.csr_matrix]:
        """All rows in order."""
        size, pieces = max(1, CHUNK // max(self.shape[1], 1)), self._array.chunks
        if pieces is not None:
            # Read no chunk of the file twice.
            size = -(-size // pieces[1]) * pieces[1]
        for start in range(0, self.shape[0], size):
            part = stored_slice(self._array, start, start + size, axis=1).T
            made = sp.csr_matrix(part.astype(number_type(part.dtype)))
            yield _rows(made.data, made.indices, made.indptr, self.shape[1])


class Columns(Rows):
    """Rows with some of the columns, ascending."""

    def __init__(self, rows: Any, columns: np.ndarray):
        found = rows_of(rows)
        assert found is not None
        self._rows, self._columns = found, columns
        self.shape, self.dtype = (found.shape[0], len(columns)), found.dtype

    def chunks(self) -> Iterator[sp.csr_matrix]:
        """All rows in order."""
        for chunk in self._rows.chunks():
            yield canonical(chunk[:, self._columns])

    def close(self) -> None:
        """Close files."""
        self._rows.close()


class _StoredByColumn(_Stored):
    """CSC, transposed once through a temporary file: values go to the section of the file for their chunk of rows."""

    def __init__(self, group: Any, threads: int, scratch: str | Path | None, shape: tuple[int, int] | None = None):
        super().__init__(group, threads, scratch, shape)
        self._file: Any = None

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self._file.close()

    def chunks(self) -> Iterator[sp.csr_matrix]:
        if self._file is None:
            self._transpose()
        for start, stop in zip(self._bounds, self._bounds[1:], strict=False):
            n, at = int(self._indptr[stop] - self._indptr[start]), int(self._indptr[start])
            rows = np.frombuffer(
                os.pread(self._file.fileno(), n * self._kind.itemsize, at * self._kind.itemsize), self._kind
            )
            # Columns were read in order, so a stable sort by row also sorts the columns of each row.
            rows = rows[np.argsort(rows["row"], kind="stable")]
            pointers = self._indptr[start : stop + 1] - at
            yield _rows(rows["value"].copy(), rows["column"].copy(), pointers, self.shape[1])

    def _transpose(self) -> None:
        columns = self._pointers(self.shape[1])
        per_row = np.zeros(self.shape[0], np.int64)
        for _, rows, _, _ in self._slices(columns, self.shape[0]):
            per_row += np.bincount(rows, minlength=self.shape[0])
        self._indptr = np.concatenate([[0], np.cumsum(per_row)])
        self._bounds = _bounds(self._indptr, CHUNK)
        self._kind = np.dtype([("row", np.int32), ("column", np.int32), ("value", self.dtype)])
        self._file = tempfile.TemporaryFile(dir=self._scratch, prefix=".transposed-")  # noqa: SIM115
        free = self._indptr[self._bounds[:-1]].copy()
        for data, rows, pointers, first in self._slices(columns, self.shape[0]):
            made = np.empty(len(data), self._kind)
            made["row"], made["value"] = rows, data
            made["column"] = first + np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
            part = np.searchsorted(self._bounds, rows, side="right") - 1
            made = made[np.argsort(part, kind="stable")]
            ends = np.cumsum(np.bincount(part, minlength=len(free)))
            for number, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
                if end > begin:
                    self._put(made[begin:end], int(free[number]))
                    free[number] += end - begin

    def _put(self, values: np.ndarray, at: int) -> None:
        view, offset = values.data.cast("B"), at * self._kind.itemsize
        try:
            while len(view):
                n = os.pwrite(self._file.fileno(), view, offset)
                view, offset = view[n:], offset + n
        except OSError as error:
            folder = self._scratch or tempfile.gettempdir()
            raise DataError(
                f"{folder}: is too small for the transposed copy of a matrix stored by columns ({error.strerror}). "
                f"It takes {self._indptr[-1] * self._kind.itemsize / 1e9:.1f} GB. Store the matrix by rows, as CSR."
            ) from error


class Spilled(Rows):
    """Rows that are appended chunk by chunk and can be read repeatedly; in a temporary file beyond 64 MiB."""

    def __init__(self):
        self._file = tempfile.SpooledTemporaryFile(MOST_IN_MEMORY)  # noqa: SIM115
        self._chunks: list[tuple[int, int]] = []
        self.shape, self.dtype = (0, 0), np.dtype(np.float32)

    def append(self, rows: sp.csr_matrix) -> None:
        """Append rows: CSR, int32 and float32."""
        try:
            self._file.seek(0, os.SEEK_END)
            for part in (rows.indptr, rows.indices, rows.data):
                self._file.write(np.ascontiguousarray(part).view(np.uint8).data)
        except OSError as error:
            folder = tempfile.gettempdir()
            raise DataError(
                f"{folder}: is too small for the counts of the selected genes ({error.strerror})."
            ) from error
        self._chunks.append((rows.shape[0], rows.nnz))
        self.shape = (self.shape[0] + rows.shape[0], rows.shape[1])

    def chunks(self) -> Iterator[sp.csr_matrix]:
        """All rows in the order in which they were appended."""
        self._file.seek(0)
        for n, nnz in self._chunks:
            parts = [(n + 1, np.int32), (nnz, np.int32), (nnz, np.float32)]
            indptr, indices, data = (np.frombuffer(self._file.read(4 * size), kind) for size, kind in parts)
            yield _rows(data, indices, indptr, self.shape[1])

    def close(self) -> None:
        """Discard the rows."""
        self._file.close()


def _rows(data: np.ndarray, indices: np.ndarray, pointers: np.ndarray, n_columns: int) -> sp.csr_matrix:
    """CSR from these arrays without a copy; sorted if needed."""
    data = data.astype(number_type(data.dtype), copy=False)
    made = sp.csr_matrix((len(pointers) - 1, n_columns), dtype=data.dtype)
    made.data, made.indices = data, indices.astype(np.int32, copy=False)
    made.indptr = pointers.astype(np.int32, copy=False)
    return canonical(made)
