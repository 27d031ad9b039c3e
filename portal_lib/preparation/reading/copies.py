"""A whole object as a new h5ad, whatever it is stored in, so that more can be added to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from portal_lib.errors import DataError
from portal_lib.preparation.prepared import length
from portal_lib.preparation.reading.files import cannot_read, is_current, read_h5ad
from portal_lib.preparation.reading.sources import open_source
from portal_lib.preparation.reading.storage import PIECE, SHUFFLED, H5adWriter, is_zarr, stored_slice

if TYPE_CHECKING:
    import h5py
    import pandas as pd
    from anndata import AnnData

# Values of a matrix in memory at a time.
SLICE = 8 * PIECE
SPARSE = ("csr_matrix", "csc_matrix")
GROUPS = ("layers", "obsm", "obsp", "uns", "varm", "varp")


@contextmanager
def copied(
    data: AnnData | str | Path | Sequence[str | Path], path: str | Path, *, names: h5py.Group, **how: Any
) -> Iterator[H5adWriter]:
    """Context manager: write an object as h5ad, completely or not at all, and add to it.

    Parameters
    ----------
    data
        An AnnData in memory; a file with cells × genes; or a list of files, whose cells are concatenated.
    path
        The h5ad to write.
    names
        A stored table (obs) with as many rows as `data` has cells; a list of files gets the names of its rows.
    how
        Further arguments of :func:`portal_lib.preparation.reading.sources.open_source`, for files of other formats.

    Yields
    ------
    The open file, for further elements.

    Raises
    ------
    DataError
        A file cannot be read, or has another number of cells than `names`; or the disk is full.

    Notes
    -----
    An h5ad is copied byte by byte and a zarr store in pieces, so that memory does not depend on the number of genes.
    Exceptions: an h5ad by anndata before 0.8 is read into memory. Of several files, and of one in another format, X,
    layers and raw are written if all files have them, as CSR in pieces, with the genes that all have, in the order of
    the first; obs has the columns of all files, var those that all have with the same values, obsm the arrays that all
    have with the same width. uns, obsp, varm and varp belong to one file and are left out.
    """
    files = (
        [] if hasattr(data, "obs_names") else [Path(one) for one in ([data] if isinstance(data, str | Path) else data)]
    )
    kind = _kind(files[0]) if len(files) == 1 else "joined" if files else "object"
    with H5adWriter(path, copy_of=files[0] if kind == "h5ad" else None) as out:
        if kind in ("object", "old h5ad"):
            adata: Any = read_h5ad(files[0]) if files else data
            out.element("/", adata)
            if adata.raw is None:
                out.file.pop("raw", None)
        elif kind == "zarr":
            with _stored(files[0]) as store:
                _copy_members(out, "", store)
        found = _write_joined(out, files, names, how) if kind == "joined" else length(out.file["obs"])
        if found != (wanted := length(names)):
            called = ", ".join(map(str, files)) or "the data"
            raise DataError(f"{called}: {found:,} cells, but {wanted:,} were prepared. Run the workflow again.")
        yield out


def _kind(path: Path) -> str:
    """``"h5ad"``, ``"old h5ad"`` or ``"zarr"`` for an AnnData on disk, ``"joined"`` for anything else."""
    import h5py

    if not is_zarr(path) and (path.is_dir() or not h5py.is_hdf5(path)):
        return "joined"
    with _stored(path) as file:
        # Files with several modalities have a table of all their cells, too.
        if not {"obs", "var"} <= set(file) or "mod" in file:
            return "joined"
        return "zarr" if path.is_dir() else "h5ad" if is_current(file) else "old h5ad"


@contextmanager
def _stored(path: Path) -> Iterator[Any]:
    """The root of an h5ad or zarr store; errors of decoding become one DataError."""
    import h5py
    import zarr

    try:
        if path.is_dir():
            yield zarr.open_group(path, mode="r")
        else:
            with h5py.File(path, "r") as file:
                yield file
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise cannot_read(path, error) from error


def _copy_members(out: H5adWriter, key: str, group: Any) -> None:
    """Copy the members of a group of zarr: matrices in pieces, anything else through memory."""
    from anndata.io import read_elem

    for name, stored in group.members():
        at, kind = f"{key}/{name}".strip("/"), stored.attrs.get("encoding-type")
        if kind in SPARSE:
            made = out.group(at, stored.attrs)
            for part in ("data", "indices", "indptr"):
                _copy_array(made, part, stored[part])
        elif kind == "array" and len(stored.shape) == 2 and stored.dtype.kind in "biuf":
            _copy_array(out.group(key), name, stored)
        elif kind in ("dict", "raw") or at in GROUPS:
            out.group(at, stored.attrs)
            _copy_members(out, at, stored)
        else:
            out.element(at, read_elem(stored))
    out.check()


def _copy_array(group: h5py.Group, name: str, stored: Any) -> None:
    """Copy a numeric array in slices of its first axis."""
    shape, width = tuple(stored.shape), int(np.prod(stored.shape[1:]))
    compression = {"chunks": True} | SHUFFLED if np.prod(shape) else {}
    made = group.create_dataset(name, shape, np.dtype(stored.dtype), **compression)
    made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    step = max(1, SLICE // max(width, 1))
    for start in range(0, shape[0], step):
        made[start : start + step] = stored_slice(stored, start, start + step)


def _write_joined(out: H5adWriter, files: list[Path], names: h5py.Group, how: dict[str, Any]) -> int:
    """Write several files as one object, see :func:`copied`; returns the number of its cells."""
    columns, others, has_x = [], [], []
    for file in files:
        with open_source(file, **how) as one:
            columns.append(one.columns)
            others.append(list(one.others))
            has_x.append(one.rows is not None)
    obs = _joined_obs(files, columns, how)
    out.names("obs", names)
    for name, values in obs.items():
        out.column("obs", str(name), _storable(values))
    genes = _write_matrix(out, "X", files, how) if all(has_x) else None
    for name in [name for name in others[0] if all(name in of_file for of_file in others)]:
        if name == "raw":
            out.group("raw", {"encoding-type": "raw", "encoding-version": "0.1.0"})
            out.element(
                "raw/var", _shared_var(files, _write_matrix(out, "raw/X", files, how | {"layer": name}), "raw/var")
            )
        else:
            genes = _write_matrix(out, f"layers/{name}", files, how | {"layer": name})
    if genes is None:
        raise DataError(f"{', '.join(map(str, files))}: no matrix is in all files.")
    out.element("var", _shared_var(files, genes, "var"))
    _join_coordinates(out, files)
    return len(obs)


def _write_matrix(out: H5adWriter, key: str, files: list[Path], how: dict[str, Any]) -> pd.Index:
    """Write a matrix of all files, cells below each other, as CSR; returns its genes."""
    with open_source(files[0] if len(files) == 1 else files, **how) as source:
        if source.rows is None:
            raise DataError(
                f"{files[0]}: {source.place} is {source.found or 'missing'}; a matrix of numbers is needed."
            )
        stored = out.csr(key, source.shape[1], dtype=source.rows.dtype)
        for rows in source.rows.chunks():
            stored.append(rows)
        return source.genes


def _joined_obs(files: list[Path], columns: list[list[str]], how: dict[str, Any]) -> pd.DataFrame:
    """Columns of obs of all files, empty for the cells of a file that lacks one."""
    import pandas as pd

    shared = [name for name in columns[0] if all(name in of_file for of_file in columns)]
    with open_source(files[0] if len(files) == 1 else files, keys=shared, **how) as source:
        made = source.obs[shared].reset_index(drop=True)
    parts = []
    for file, of_file in zip(files, columns, strict=True):
        with open_source(file, keys=of_file, **how) as source:
            parts.append(source.obs[[name for name in of_file if name not in shared]].astype(object))
    made = pd.concat([made, pd.concat(parts, ignore_index=True)], axis=1)
    return made


def _storable(column: pd.Series) -> Any:
    """Values that h5ad can store: numbers, or a categorical of texts; a missing number is NaN."""
    import pandas as pd

    column = column.infer_objects()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.array
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    if pd.api.types.infer_dtype(column, skipna=True) in ("integer", "floating", "mixed-integer-float"):
        return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return pd.Categorical(column.map(str, na_action="ignore"))


def _shared_var(files: list[Path], genes: pd.Index, key: str) -> pd.DataFrame:
    """The columns of var that all files have with the same values for these genes."""
    import pandas as pd
    from anndata.io import read_elem

    tables = []
    for file in files:
        if _kind(file) == "joined":
            return pd.DataFrame(index=genes)
        with _stored(file) as store:
            tables.append(read_elem(store[key]).loc[genes])
    same = [name for name in tables[0] if all(name in one and tables[0][name].equals(one[name]) for one in tables)]
    return tables[0][same]


def _join_coordinates(out: H5adWriter, files: list[Path]) -> None:
    """Write the dense arrays of obsm that all files have with the same width."""
    if any(_kind(file) == "joined" for file in files):
        return
    with ExitStack() as stack:
        groups = [stack.enter_context(_stored(file)).get("obsm") or {} for file in files]
        for name in groups[0]:
            arrays = [group[name] for group in groups if name in group]
            widths = {tuple(array.shape[1:]) if hasattr(array, "dtype") else None for array in arrays}
            if len(arrays) < len(files) or len(widths) > 1 or len(next(iter(widths)) or ()) != 1:
                continue
            kind = np.result_type(*(array.dtype for array in arrays))
            made = out.dense(f"obsm/{name}", (sum(array.shape[0] for array in arrays), arrays[0].shape[1]), kind)
            start = 0
            for array in arrays:
                made[start : start + array.shape[0]] = array[:]
                start += array.shape[0]
