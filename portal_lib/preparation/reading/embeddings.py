"""Embeddings that were made elsewhere: keys of obsm of a file, or tables with one row per cell."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from portal_lib._text import some, suggest
from portal_lib.errors import DataError
from portal_lib.preparation.columns import raise_problems
from portal_lib.preparation.inputs import table_separator

if TYPE_CHECKING:
    import scipy.sparse as sp


def read_embedding(path: str | Path, cells: Sequence[str] | pd.Index, *, subset: bool = False) -> np.ndarray:
    """Read an embedding from a table, in the order of some cells.

    Parameters
    ----------
    path
        A table (csv or tsv, also with .gz), UTF-8: the first column has the names of the cells, the others their
        coordinates. The first line has names of columns, unless it begins with the name of a cell; it may lack that of
        the first column. Rows are in any order.
    cells
        Names of the cells, unique.
    subset
        Whether the table may contain further cells.

    Returns
    -------
    Shape (n_cells, n_dims), float32, rows in the order of `cells`.

    Raises
    ------
    DataError
        The file is missing or not such a table; a cell has no row or several, or a row is of an unknown cell; or a
        coordinate is missing, infinite or not a number.
    """
    path, cells = Path(path), pd.Index(cells)
    names, values, columns = _read_table(path, cells)
    raise_problems(str(path), _name_problems(names, cells, subset))
    return _in_order(values, columns, names.get_indexer(cells), cells, str(path))


def read_obsm(data: Any, paths: Sequence[str | Path], key: str, mod: str | None = None) -> np.ndarray:
    """Read an embedding from obsm of one or several files, whose cells are concatenated.

    Parameters
    ----------
    data
        An AnnData in memory or backed; None to read `paths`.
    paths
        h5ad files or zarr stores, in order; their names for messages where `data` is given.
    key
        Key of obsm.
    mod
        The modality of h5mu files; None if there is only one.

    Returns
    -------
    Shape (n_cells, n_dims), float32, in the order of the files.

    Raises
    ------
    DataError
        A file cannot be read, has no such key, or coordinates that are not a matrix of finite numbers; or files differ
        in their number of dimensions.
    """
    parts = []
    for path in paths:
        if data is None:
            with stored(path, mod) as store:
                parts.append(_of_obsm(store.get("obsm", {}), key, str(path)))
        else:
            parts.append(_of_obsm(data.obsm, key, str(path)))
    widths = {part.shape[1]: str(path) for part, path in zip(parts, paths, strict=True)}
    if len(widths) > 1:
        found = ", ".join(f"{width} dimensions in {path}" for width, path in widths.items())
        raise DataError(f"obsm['{key}'] has {found}. Embed the cells of all files together.")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def read_obsp(data: Any, path: str | Path, key: str) -> sp.csr_matrix:
    """Read a neighbour graph from obsp, as :func:`read_obsm`.

    Returns
    -------
    Shape (n_cells, n_cells), CSR, in the order of the cells; :class:`portal_lib.metrics._space.Space` checks its
    weights.

    Raises
    ------
    DataError
        The file cannot be read or has no such key.
    """
    import scipy.sparse as sp

    if data is not None:
        return sp.csr_matrix(_chosen(data.obsp, "obsp", key, str(path)))
    with stored(path) as store:
        return sp.csr_matrix(_chosen(store.get("obsp", {}), "obsp", key, str(path)))


def keys_of(data: Any, path: str | Path) -> dict[str, list[str]]:
    """Keys of ``obsm`` and of ``obsp`` of a file, or of an AnnData that is given."""
    if data is not None:
        return {"obsm": list(data.obsm), "obsp": list(data.obsp)}
    with stored(path) as store:
        return {name: list(store.get(name, {})) for name in ("obsm", "obsp")}


class stored:
    """Context manager: the root of an h5ad file or a zarr store; errors of reading become one DataError.

    Parameters
    ----------
    path
        The file or store.
    mod
        The modality whose elements are wanted, of a file with several; None if there is only one.
    """

    def __init__(self, path: str | Path, mod: str | None = None):
        self._path, self._mod = Path(path), mod

    def __enter__(self) -> Any:
        from portal_lib.preparation.reading.files import check_hdf5
        from portal_lib.preparation.reading.storage import is_zarr

        if is_zarr(self._path):
            import zarr

            self._open: Any = nullcontext(zarr.open_group(self._path, mode="r"))
        else:
            check_hdf5(self._path)
            import h5py

            self._open = h5py.File(self._path, "r")
        root = self._open.__enter__()
        if "mod" not in root:
            return root
        from portal_lib.preparation.reading.formats import one_of

        try:
            return root["mod"][one_of(root["mod"], self._mod, "modalities", "")]
        except DataError as error:
            self._open.__exit__(None, None, None)
            raise DataError(f"{self._path}: {error}") from None

    def __exit__(self, kind, error, trace):
        from portal_lib.preparation.reading.files import cannot_read

        self._open.__exit__(None, None, None)
        if kind is not None and issubclass(kind, Exception) and not issubclass(kind, DataError | MemoryError):
            raise cannot_read(self._path, error) from error


def _chosen(group: Any, name: str, key: str, data_name: str) -> Any:
    """An element of obsm or obsp, in memory."""
    if key not in group:
        found = some(sorted(group), 20) or "nothing"
        raise DataError(f"{data_name}: has no {name}['{key}']{suggest(key, group)} Found in {name}: {found}.")
    element = group[key]
    if hasattr(element, "attrs") and not isinstance(element, pd.DataFrame):
        from anndata.io import read_elem

        return read_elem(element)
    return element


def _of_obsm(group: Any, key: str, data_name: str) -> np.ndarray:
    """Coordinates of obsm as float32, checked."""
    element = _chosen(group, "obsm", key, data_name)
    return finite(element.toarray() if hasattr(element, "toarray") else element, f"{data_name}: obsm['{key}']")


def embedding_of(table: pd.DataFrame, cells: Sequence[str] | pd.Index, data_name: str) -> np.ndarray:
    """Coordinates of a DataFrame whose index has the names of the cells, as :func:`read_embedding`."""
    cells, names = pd.Index(cells), pd.Index(table.index.astype(str))
    raise_problems(data_name, _name_problems(names, cells, subset=False))
    titles = [str(name) for name in table.columns]
    return _in_order(table.set_axis(range(len(titles)), axis=1), titles, names.get_indexer(cells), cells, data_name)


def finite(values: Any, place: str, named: Callable[[int], str] = "row {} (from 0)".format) -> np.ndarray:
    """The values, shape (n_cells, n_dims), as float32.

    Parameters
    ----------
    values
        Numbers, shape (n_cells, n_dims).
    place
        Where they are from, for messages.
    named
        Name of a row.

    Raises
    ------
    DataError
        They are not a matrix of numbers, or one is missing or infinite.
    """
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] == 0:
        raise DataError(f"{place} has shape {values.shape}; a matrix of cells × dimensions is needed.")
    if values.dtype.kind not in "fiu":
        raise DataError(f"{place} holds values of type {values.dtype}; coordinates must be numbers.")
    with np.errstate(over="ignore"):
        made = values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(made).all(axis=1))
    if len(bad):
        where = some(map(named, bad[:6]), 5) if len(bad) <= 5 else f"{some(map(named, bad[:5]))} and others"
        raise DataError(
            f"{place} has missing or infinite coordinates for {len(bad):,} of {len(values):,} cells: {where}. "
            "Give numbers for every cell, or leave this embedding out."
        )
    return made


def _read_table(path: Path, cells: pd.Index) -> tuple[pd.Index, pd.DataFrame, list[str]]:
    """Names of the rows, their coordinates as read, and names of the columns of coordinates."""
    separator = table_separator(path)
    if separator is None:
        raise DataError(f"{path}: is not a table; its name must end with .csv, .tsv, .csv.gz or .tsv.gz.")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file (current folder: {Path.cwd()}).")
    try:
        head, header = _first_lines(path, separator, cells)
        width = max(map(len, head))
        table = pd.read_csv(
            path,
            sep=separator,
            header=None,
            names=range(width),
            skiprows=1 if header else 0,
            index_col=False,
            converters={0: str},
            encoding="utf-8-sig",
            low_memory=False,
        )
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not text in UTF-8 ({error.reason} at byte {error.start}). Save it again."
        ) from error
    except (OSError, EOFError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table ({str(error).strip().partition(chr(10))[0]}).") from error
    titles = head[0][-(width - 1) :] if header else [str(number) for number in range(1, width)]
    return pd.Index(table[0]), table.drop(columns=0), titles


def _first_lines(path: Path, separator: str, cells: pd.Index) -> tuple[list[list[str]], bool]:
    """Fields of the first two lines, and whether the first one holds names of columns."""
    how = gzip.open if path.suffix.lower() == ".gz" else open
    with how(path, "rt", encoding="utf-8-sig", newline="") as lines:
        head = list(islice((row for row in csv.reader(lines, delimiter=separator) if row), 2))
    header = bool(head) and head[0][0] not in cells
    if len(head) < 1 + header:
        raise DataError(f"{path}: has no rows. Write one for each cell.")
    widths = [len(row) for row in head]
    if max(widths) < 2:
        other = next((name for name in (";", "\t", ",", " ") if name != separator and name in head[-1][0]), None)
        hint = f" Fields seem to be separated by {other!r}." if other else ""
        word = {",": "commas", "\t": "tabs"}[separator]
        raise DataError(f"{path}: has no coordinates: one column, where {word} separate fields.{hint}")
    # R leaves out the name of the first column.
    if len(set(widths)) > 1 and not (header and widths[1] == widths[0] + 1):
        raise DataError(
            f"{path}: line 1 has {widths[0]} fields and line 2 has {widths[1]}. Write one field per column."
        )
    return head, header


def _name_problems(names: pd.Index, cells: pd.Index, subset: bool) -> list[str]:
    """Rows that occur twice, cells without a row, and rows of no cell."""
    found = []
    if (twice := names[names.duplicated()].unique()).size:
        found.append(f"{len(twice):,} cells have several rows: {some(map(repr, twice))}. Keep one row per cell.")
    missing, unknown = cells[~cells.isin(names)], names[~names.isin(cells)]
    if missing.size:
        like = f" Rows are called {some(map(repr, names[:3]))}." if missing.size == cells.size else ""
        found.append(
            f"{missing.size:,} of {cells.size:,} cells of the data have no row: {some(map(repr, missing))}.{like} "
            "Write one row for each cell, named as in the data."
        )
    if unknown.size and not subset:
        found.append(
            f"{unknown.size:,} of {names.size:,} rows are of no cell of the data: {some(map(repr, unknown))}. "
            f"Remove them, or rename them; cells are called {some(map(repr, cells[:3]))}."
        )
    return found


def _in_order(table: pd.DataFrame, titles: list[str], places: np.ndarray, cells: pd.Index, path: str) -> np.ndarray:
    """Coordinates in the order of the cells; DataError for text and for values that are not finite."""
    for column, title in zip(table.columns, titles, strict=True):
        values = table[column]
        if values.dtype.kind in "fiu":
            continue
        lost = values.notna() & (
            pd.to_numeric(values.astype(object), errors="coerce").isna() | (values.dtype.kind == "b")
        )
        if lost.any():
            first = int(np.argmax(lost))
            raise DataError(
                f"{path}: column '{title}' holds text, such as {values.iloc[first]!r} in row {first + 1}; coordinates "
                "must be numbers with decimal points. Remove columns that are no coordinates."
            )
    values = table.apply(pd.to_numeric).to_numpy(np.float64)[places]
    return finite(values, path, lambda row: repr(cells[row]))
