"""Prepared data and results on disk: memory-mapped, or read in chunks, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from portal_lib.errors import DataError
from portal_lib.preparation.reading.rows import rows_of

if TYPE_CHECKING:
    import h5py
    import scipy.sparse as sp
    from anndata import AnnData

# Rows of a dense matrix, or names, in memory at a time.
CHUNK = 65_536


class Prepared:
    """An open ``prepared.h5ad``, with the attributes of an AnnData in memory.

    Parameters
    ----------
    path
        The file. Columns and elements are those of ARCHITECTURE.md.
    hidden
        Columns of obs that are inaccessible.
    genes
        Which genes ``X``, ``var`` and ``varm`` have: a column of var (``"portal"``, ``"highly_variable"``), or names.
        None for all.

    Notes
    -----
    ``obsm`` holds read-only memory maps, and ``X`` is a sparse matrix on disk, or, of some genes, read when accessed;
    anything else is read on first access.
    Rows of ``obs`` are numbered from 0, because the names of a million cells take 100 MB.
    :func:`portal_lib.preparation.normalise.counts_of` reads the counts, :meth:`to_memory` everything.
    """

    def __init__(self, path: str | Path, *, hidden: Sequence[str] = (), genes: str | pd.Index | None = None):
        import h5py

        self.path, self._hidden = Path(path), tuple(hidden)
        self.file = h5py.File(path, "r")
        self.n_obs, self.n_vars = _length_and_width(self.file)
        self.columns: np.ndarray | None = None
        if genes is not None:
            table = self._read("var")
            wanted = table[genes] if isinstance(genes, str) else table.index.isin(genes)
            self.columns = np.flatnonzero(wanted)
            self.n_vars = len(self.columns)
        self.shape = (self.n_obs, self.n_vars)

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *error) -> None:
        self.file.close()

    @cached_property
    def obs(self) -> pd.DataFrame:
        """The accessible columns; rows are numbered."""
        names = [name for name in self._columns if name not in self._hidden]
        return pd.DataFrame({name: self.column(name) for name in names}, index=pd.RangeIndex(self.n_obs))

    def column(self, name: str) -> Any:
        """One column of obs: an array or a pandas Categorical, shape (n_cells,). KeyError if there is none."""
        from anndata.io import read_elem

        if name in self._hidden or name not in self._columns:
            raise KeyError(name)
        return read_elem(self.file["obs"][name])

    @property
    def batch_columns(self) -> dict[str, str]:
        """Columns of obs whose combinations are the batches, by the name that the user gave; empty for one column."""
        names = [name for name in self._columns if name.startswith("batch_")]
        return dict(zip(map(str, self.uns["preparation"]["batch_key"]), names, strict=True)) if names else {}

    @property
    def label(self) -> Any:
        """Label of each cell as pandas Categorical, missing where it has none; None if there are no labels."""
        return self.column("label") if "label" in self._columns and "label" not in self._hidden else None

    @cached_property
    def obsm(self) -> Mapping[str, np.ndarray]:
        """Coordinates of the cells by name, each of shape (n_cells, n_dims), read-only."""
        return _Arrays(self.file["obsm"])

    @property
    def X(self) -> Any:
        """The counts, cells × genes: on disk a sparse dataset of anndata or a dataset of h5py; of some genes CSR."""
        from anndata.io import sparse_dataset

        stored = self.file["X"]
        if self.columns is not None:
            return self._counts_of(self.columns)
        return sparse_dataset(stored) if hasattr(stored, "keys") else stored

    @cached_property
    def var(self) -> pd.DataFrame:
        """Table of the genes."""
        table = self._read("var")
        return table if self.columns is None else table.iloc[self.columns]

    @cached_property
    def varm(self) -> dict[str, np.ndarray]:
        """Arrays about the genes."""
        arrays = self._read("varm")
        return arrays if self.columns is None else {name: array[self.columns] for name, array in arrays.items()}

    @cached_property
    def uns(self) -> dict[str, Any]:
        """Unstructured data, such as ``uns["preparation"]``."""
        return self._read("uns")

    @property
    def obs_names(self) -> pd.Index:
        """Names of the cells; some 100 bytes each."""
        return pd.Index(_stored_names(self.file)[:])

    @property
    def var_names(self) -> pd.Index:
        """Names of the genes."""
        return self.var.index

    def to_memory(self) -> AnnData:
        """An AnnData in memory, without hidden columns."""
        import anndata

        data = anndata.read_h5ad(self.path)
        data.obs = data.obs.drop(columns=[name for name in self._hidden if name in data.obs])
        return data if self.columns is None else data[:, self.columns].copy()

    def _counts_of(self, columns: np.ndarray) -> sp.csr_matrix:
        """Columns of the counts, read in chunks of rows."""
        import scipy.sparse as sp

        rows = rows_of(self.file["X"])
        if rows is None:
            raise DataError(f"{self.path}: X is not a matrix of numbers.")
        try:
            return sp.vstack([chunk[:, columns] for chunk in rows.chunks()], format="csr")
        finally:
            rows.close()

    @cached_property
    def _columns(self) -> list[str]:
        return [str(name) for name in self.file["obs"].attrs["column-order"]]

    def _read(self, key: str) -> Any:
        from anndata.io import read_elem

        return read_elem(self.file[key]) if key in self.file else {}


class _Arrays(Mapping):
    """The arrays of a group, each memory-mapped or read on first access."""

    def __init__(self, group: h5py.Group):
        self._group = group
        self._made: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._made:
            stored = self._group[key]
            if hasattr(stored, "keys"):
                from anndata.io import read_elem

                self._made[key] = read_elem(stored)
            else:
                self._made[key] = mapped(stored)
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)


def mapped(stored: h5py.Dataset) -> np.ndarray:
    """A dataset as a read-only memory map if it is contiguous, else read into memory."""
    file, offset = stored.file, stored.id.get_offset()
    plain = offset is not None and stored.dtype.kind in "iuf" and offset % stored.dtype.itemsize == 0
    if plain and file.driver == "sec2" and file.userblock_size == 0 and not stored.external:
        return np.memmap(file.filename, stored.dtype, "r", offset=offset, shape=stored.shape)
    values = stored[:]
    values.flags.writeable = False
    return values


def read_rows(stored: h5py.Dataset, rows: np.ndarray | None = None) -> np.ndarray:
    """Some rows of a stored matrix.

    Parameters
    ----------
    stored
        Shape (n_cells, n_dims), in any layout.
    rows
        Row numbers, increasing; all when None.

    Returns
    -------
    Shape (len(rows), n_dims), in the precision of the file. Memory does not depend on the number of cells stored.
    """
    if rows is None:
        return stored[:]
    made = np.empty((len(rows), *stored.shape[1:]), stored.dtype)
    for start in range(0, len(stored), CHUNK):
        first, last = np.searchsorted(rows, [start, start + CHUNK])
        if last > first:
            made[first:last] = stored[start : start + CHUNK][rows[first:last] - start]
    return made


def read_graph(stored: h5py.Group, rows: np.ndarray | None = None) -> sp.csr_matrix:
    """A stored neighbour graph, or its subgraph of some cells.

    Parameters
    ----------
    stored
        Shape (n_cells, n_cells), CSR.
    rows
        Row numbers, increasing; all when None.
    """
    import scipy.sparse as sp
    from anndata.io import read_elem

    if rows is None:
        return read_elem(stored)
    source, start, parts = rows_of(stored), 0, []
    if source is None:
        raise DataError(f"{stored.name}: is not a matrix of numbers.")
    try:
        for chunk in source.chunks():
            first, last = np.searchsorted(rows, [start, start + chunk.shape[0]])
            parts.append(chunk[rows[first:last] - start][:, rows])
            start += chunk.shape[0]
    finally:
        source.close()
    return sp.vstack(parts, format="csr")


def same_names(one: h5py.File, other: h5py.File) -> bool:
    """Whether two files contain the same cells in the same order."""
    first, second = _stored_names(one), _stored_names(other)
    if len(first) != len(second):
        return False
    chunks = (slice(start, start + CHUNK) for start in range(0, len(first), CHUNK))
    return all(np.array_equal(first[here], second[here]) for here in chunks)


def _stored_names(file: h5py.File) -> Any:
    """Cell names as an array of texts that can be sliced."""
    from anndata.io import read_elem

    stored = file["obs"][file["obs"].attrs["_index"]]
    if hasattr(stored, "asstr") and stored.dtype.kind in "OS":
        return stored.asstr()
    return np.asarray(read_elem(stored), dtype=object)


def _length_and_width(file: h5py.File) -> tuple[int, int]:
    """Number of cells and of genes."""
    return length(file["obs"]), length(file["var"])


def length(table: h5py.Group) -> int:
    """Number of rows of a table."""
    stored = table[table.attrs["_index"]]
    return len(stored) if hasattr(stored, "shape") else len(stored["values"])
