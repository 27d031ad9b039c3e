"""Sources of raw counts: an AnnData in memory or backed, a file (h5ad, zarr), or several files as one data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from portal_lib._text import some, suggest
from portal_lib.errors import DataError
from portal_lib.preparation.names import Names
from portal_lib.preparation.rows import Rows, canonical, rows_of
from portal_lib.preparation.storage import is_zarr

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass
class Source:
    """Raw counts of cells, chunk by chunk.

    Parameters
    ----------
    obs
        Table of the cells; from files only the requested columns.
    names
        Cell names.
    columns
        Names of all columns of obs.
    genes
        Gene names, the columns of the counts.
    rows
        The counts; None if they are not a matrix of numbers.
    place
        Name of the matrix in messages: ``X``, ``layers['counts']``, ``raw.X``.
    found
        Type of what was found instead of a matrix of numbers.
    others
        Other matrices that may hold counts, by the value of `layer` that selects them.
    notes
        What was left out of the files.
    """

    obs: pd.DataFrame
    names: Names
    columns: list[str]
    genes: pd.Index
    rows: Rows | None
    place: str = "X"
    found: str = ""
    others: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _files: ExitStack = field(default_factory=ExitStack)

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × genes."""
        return len(self.obs), len(self.genes)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error) -> None:
        if self.rows is not None:
            self.rows.close()
        self._files.close()


def open_source(
    data: AnnData | str | Path | Sequence[str | Path],
    *,
    layer: str | None = None,
    keys: Sequence[str] = (),
    threads: int | None = None,
    scratch: str | Path | None = None,
    config_key: str | None = None,
) -> Source:
    """Open raw counts.

    Parameters
    ----------
    data
        An AnnData, in memory or backed; the path of an h5ad file or a zarr store; or a list of paths, whose cells
        are concatenated: genes are then those of all files, in the order of the first.
    layer
        None for X, the name of a layer, or ``"raw"`` for `raw` with its genes, unless a layer has that name.
    keys
        Columns of obs to read from files.
    threads
        For decompression; default: all.
    scratch
        Folder for the transposed copy of a matrix that is stored by columns.
    config_key
        Place of the data set in the configuration (``datasets[0]``), for hints that name the setting.

    Returns
    -------
    A context manager that closes the files it opened.

    Raises
    ------
    DataError
        A file cannot be read, or the layer does not exist.
    """
    how = {"layer": layer, "threads": threads, "scratch": scratch, "config_key": config_key}
    if isinstance(data, str | Path):
        return _of_file(Path(data), keys, **how)
    if isinstance(data, Sequence):
        return _joined([_of_file(Path(path), keys, **how) for path in data], [str(path) for path in data])
    return _of_object(data, **how)


def _of_object(adata: AnnData, layer, threads, scratch, config_key) -> Source:
    place, matrix, genes = _choose(adata, adata.layers, adata.raw, layer, config_key, "")
    rows = None if matrix is None else rows_of(matrix, threads=threads, scratch=scratch)
    others = {name: adata.layers[name] for name in sorted(adata.layers)}
    if adata.raw is not None:
        others.setdefault("raw", adata.raw.X)
    columns = [str(name) for name in adata.obs]
    return Source(
        adata.obs,
        Names.of(adata.obs_names),
        columns,
        genes,
        rows,
        place,
        "" if matrix is None else type(matrix).__name__,
        others,
    )


def _of_file(path: Path, keys, layer, threads, scratch, config_key) -> Source:
    files = ExitStack()
    try:
        store = files.enter_context(_opened(path))
        with _readable(path):
            # A missing raw or layers may be stored as a null.
            raw, layers = (held if hasattr(held := store.get(name), "keys") else None for name in ("raw", "layers"))
            layers = {} if layers is None else layers
            place, matrix, names = _choose(store, layers, raw, layer, config_key, f"{path}: ")
            obs, names_of_cells, columns = _table(store["obs"], keys)
            genes = _index(names) if names is not None else pd.Index([])
            rows = None if matrix is None else rows_of(matrix, threads=threads, scratch=scratch)
            others = {name: layers[name] for name in sorted(layers)} | ({"raw": raw["X"]} if raw is not None else {})
    except BaseException:
        files.close()
        raise
    found = "" if matrix is None else f"stored as {matrix.attrs.get('encoding-type', type(matrix).__name__)}"
    return Source(obs, names_of_cells, columns, genes, rows, place, found, others, _files=files)


def _choose(holder: Any, layers: Any, raw: Any, layer: str | None, config_key: str | None, data_name: str):
    """Name of the matrix in messages, the matrix, and its genes (a table if on disk)."""
    on_disk = not hasattr(holder, "var_names")
    genes = holder["var"] if on_disk else holder.var_names
    if layer is None:
        return "X", (holder.get("X") if on_disk else holder.X), genes
    if layer in layers:
        return f"layers['{layer}']", layers[layer], genes
    if layer == "raw" and raw is not None:
        return "raw.X", (raw["X"] if on_disk else raw.X), (raw["var"] if on_disk else raw.var_names)
    known = [*sorted(layers), *(["raw"] if raw is not None else [])]
    setting = f"{config_key}." if config_key else ""
    found = ", ".join(known) or "no layers"
    raise DataError(f"{data_name}has no layer '{layer}'{suggest(layer, known)} Found: {found}. Set {setting}layer.")


def _opened(path: Path) -> Any:
    """The root of an h5ad file or zarr store, as a context manager."""
    from contextlib import nullcontext

    from portal_lib.preparation.files import check_hdf5

    if is_zarr(path):
        import zarr

        return nullcontext(zarr.open_group(path, mode="r"))
    check_hdf5(path)
    import h5py

    return h5py.File(path, "r")


class _readable:
    """Turns errors of HDF5 and of decoding into one DataError."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        from portal_lib.preparation.files import cannot_read

        if kind is not None and issubclass(kind, Exception) and not issubclass(kind, DataError | MemoryError):
            raise cannot_read(self._path, error) from error


def _table(group: Any, keys: Sequence[str]) -> tuple[pd.DataFrame, Names, list[str]]:
    """The requested columns of obs (all if one is missing or the file is old), cell names, and names of all columns."""
    from anndata.io import read_elem

    columns = [str(name) for name in group.attrs.get("column-order", [])] if hasattr(group, "attrs") else []
    plain = hasattr(group, "keys") and "encoding-type" in group.attrs and "__categories" not in group
    if plain and set(keys) <= set(columns):
        stored = group[group.attrs["_index"]]
        names = Names.of(stored if hasattr(stored, "shape") else read_elem(stored))
        made = {key: read_elem(group[key]) for key in dict.fromkeys(keys)}
        return pd.DataFrame(made, index=pd.RangeIndex(len(names))), names, columns
    table = read_elem(group)
    return table, Names.of(table.index), [str(name) for name in table.columns]


def _index(table: Any) -> pd.Index:
    """Row names of a table, on disk or in memory."""
    from anndata.io import read_elem

    if isinstance(table, pd.Index):
        return table
    key = table.attrs.get("_index") if hasattr(table, "keys") else None
    if key is None:
        return read_elem(table).index
    return pd.Index(read_elem(table[key]))


def _joined(parts: list[Source], paths: list[str]) -> Source:
    """Several sources as one, with the genes that all have, in the order of the first."""
    files = ExitStack()
    for part in parts:
        files.enter_context(part)
    first = parts[0]
    matrices: list[Rows] = []
    for part, name in zip(parts, paths, strict=True):
        if (twice := part.genes[part.genes.duplicated()].unique()).size:
            files.close()
            raise DataError(f"{name}: gene names occur more than once: {some(map(repr, twice))}. Rename them.")
        if part.rows is None:
            files.close()
            raise DataError(f"{name}: {part.place} is {part.found or 'missing'}; a matrix of numbers is needed.")
        matrices.append(part.rows)
    genes = first.genes[np.all([first.genes.isin(part.genes) for part in parts], axis=0)]
    columns = [column for column in first.columns if all(column in part.columns for part in parts)]
    obs = pd.concat([part.obs.astype(object) for part in parts], ignore_index=True)
    rows = _Joined(matrices, [genes.get_indexer(part.genes) for part in parts], len(genes))
    names = Names.joined([part.names for part in parts])
    return Source(obs, names, columns, genes, rows, first.place, notes=_left_out(parts, len(genes)), _files=files)


def _left_out(parts: list[Source], n_shared: int) -> list[str]:
    """One note on the genes that not all files have, if there are any."""
    sizes = sorted({len(part.genes) for part in parts})
    if sizes == [n_shared]:
        return []
    measured = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    return [
        f"{n_shared:,} genes are in all {len(parts)} files, which measured {measured} each; the others are left out, "
        "but count in the totals of the cells."
    ]


class _Joined(Rows):
    """Rows of several matrices; `columns` gives the new position of each column of each matrix, -1 to drop it."""

    def __init__(self, parts: Sequence[Rows], columns: Sequence[np.ndarray], n_columns: int):
        self._parts, self._columns = parts, columns
        self.shape = (sum(part.shape[0] for part in parts), n_columns)
        self.dtype = np.result_type(*(part.dtype for part in parts))
        self.dropped: np.ndarray = np.zeros(self.shape[0])

    def chunks(self) -> Iterator[sp.csr_matrix]:
        start = 0
        for part, columns in zip(self._parts, self._columns, strict=True):
            same = len(columns) == self.shape[1] and (columns == np.arange(len(columns))).all()
            for chunk in part.chunks():
                if not same:
                    lost = chunk[:, np.flatnonzero(columns < 0)].sum(axis=1, dtype=np.float64)
                    self.dropped[start : start + chunk.shape[0]] = np.asarray(lost).ravel()
                    chunk = _renumbered(chunk, columns, self.shape[1])
                yield chunk
                start += chunk.shape[0]


def _renumbered(chunk: sp.csr_matrix, columns: np.ndarray, n_columns: int) -> sp.csr_matrix:
    """The same rows with columns selected and reordered."""
    places = columns[chunk.indices]
    kept = places >= 0
    pointers = np.concatenate([[0], np.cumsum(kept)])[chunk.indptr]
    made = sp.csr_matrix((chunk.shape[0], n_columns), dtype=chunk.dtype)
    made.data, made.indices = chunk.data[kept], places[kept].astype(np.int32)
    made.indptr = pointers.astype(np.int32)
    made.has_sorted_indices = False
    return canonical(made)
