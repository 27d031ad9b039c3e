"""Reading and writing h5ad files, with one clear message for a user's mistake or a full disk."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal_lib.errors import DataError

if TYPE_CHECKING:
    import h5py
    import numpy as np
    from anndata import AnnData


def read_h5ad(path: str | Path) -> AnnData:
    """Read an h5ad file into memory.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    AnnData, cells × genes, as stored.

    Raises
    ------
    DataError
        The file is missing, not an h5ad, truncated or damaged.
    """
    import anndata

    path = Path(path)
    check_hdf5(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adata = anndata.read_h5ad(path)
    except MemoryError:
        raise
    except Exception as error:
        raise cannot_read(path, error) from error
    return adata


def cannot_read(path: str | Path, error: BaseException) -> DataError:
    """The error for a file that is damaged or cannot be decoded."""
    return DataError(f"{path}: cannot be read as h5ad ({_first_line(error)}). Write it again with anndata.")


def cannot_open(path: Path, error: BaseException) -> DataError:
    """The error for a file in HDF5 format that is damaged at its beginning, or cut."""
    size = path.stat().st_size
    return DataError(f"{path}: cannot be opened as HDF5 ({_first_line(error)}). It has {size:,} bytes; copy it again.")


def check_hdf5(path: Path) -> None:
    """Raise DataError if a file is not an AnnData in HDF5."""
    import h5py

    if not path.exists():
        raise DataError(f"{path}: there is no such file (current folder: {Path.cwd()}).")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not an h5ad file.")
    try:
        if not h5py.is_hdf5(path):
            raise DataError(f"{path}: is not an h5ad file ({path.stat().st_size:,} bytes, not in HDF5 format).")
        with h5py.File(path, "r") as file:
            groups = sorted(file)
    except OSError as error:
        raise cannot_open(path, error) from error
    if not {"obs", "var"} <= set(groups):
        found = ", ".join(groups) or "nothing"
        raise DataError(f"{path}: is HDF5, but not an h5ad: it has no obs and var. Found: {found}.")


@contextmanager
def opened_h5ad(path: str | Path, *, keys: Sequence[str] = (), use_rep: str | None = None) -> Iterator[AnnData]:
    """Context manager: open an h5ad file whose matrices stay on disk.

    Parameters
    ----------
    path
        The file. Files written by anndata before 0.8 are read into memory.
    keys
        Columns of obs to read. All are read if one is missing, so that a message can list them.
    use_rep
        Key of obsm to memory-map, or to read if it cannot be mapped.

    Yields
    ------
    AnnData with X, layers and raw on disk; without uns, varm and graphs.

    Raises
    ------
    DataError
        As :func:`read_h5ad`.
    """
    import anndata
    import h5py

    check_hdf5(Path(path))
    with h5py.File(path, "r") as file:
        if not is_current(file):
            yield read_h5ad(path)
            return
        try:
            # Uniqueness of names is checked where they are used; the hash table for it takes 50 bytes per cell.
            with warnings.catch_warnings(), anndata.settings.override(check_uniqueness=False):
                warnings.simplefilter("ignore")
                adata = _on_disk(file, keys, use_rep)
        except MemoryError:
            raise
        except Exception as error:
            raise cannot_read(path, error) from error
        yield adata


def is_current(file: h5py.File) -> bool:
    """Whether every element states its encoding, as since anndata 0.8."""
    tables = [file["obs"], file["var"]]
    parts = [file[name] for name in ("X", "layers", "obsm", "uns") if name in file]
    versions = [str(table.attrs.get("encoding-version")) for table in tables]
    return versions == ["0.2.0"] * 2 and all("encoding-type" in part.attrs for part in (file, *parts))


def _on_disk(file: h5py.File, keys: Sequence[str], use_rep: str | None) -> AnnData:
    import pandas as pd
    from anndata import AnnData
    from anndata.io import read_elem

    from portal_lib.preparation.prepared import mapped

    obs = file["obs"]
    if set(keys) <= {str(name) for name in obs.attrs["column-order"]}:
        columns = {key: read_elem(obs[key]) for key in dict.fromkeys(keys)}
        table = pd.DataFrame(columns, index=pd.Index(read_elem(obs[obs.attrs["_index"]])))
    else:
        table = read_elem(obs)
    obsm = {name: _lazily(stored) for name, stored in file.get("obsm", {}).items()}
    if hasattr(obsm.get(use_rep), "id"):
        obsm[use_rep] = mapped(file["obsm"][use_rep])
    raw = file.get("raw")
    return AnnData(
        _lazily(file["X"]) if "X" in file else None,
        obs=table,
        var=read_elem(file["var"]),
        obsm=obsm,
        layers={name: _lazily(stored) for name, stored in file.get("layers", {}).items()},
        raw={"X": _lazily(raw["X"]), "var": read_elem(raw["var"])} if raw is not None and "X" in raw else None,
    )


def _lazily(stored: h5py.Group | h5py.Dataset) -> Any:
    """A matrix stays on disk; anything else is read."""
    from anndata.io import read_elem, sparse_dataset

    kind = stored.attrs.get("encoding-type")
    if kind in ("csr_matrix", "csc_matrix"):
        return sparse_dataset(stored)
    return stored if kind == "array" else read_elem(stored)


def copy_h5ad(
    source: str | Path,
    path: str | Path,
    *,
    obsm: Mapping[str, np.ndarray],
    uns: Mapping[str, Any],
    obs: Mapping[str, Any] | None = None,
) -> None:
    """Write a copy of an h5ad file with additional elements, whole or not at all, without reading the existing ones.

    Parameters
    ----------
    source
        Not changed, unless `path` is the same file.
    path
        The copy.
    obsm, uns, obs
        Elements to add, by key or column; an existing one is replaced, but its space in the file is not freed.

    Raises
    ------
    DataError
        As :func:`write_h5ad_atomic`.

    Notes
    -----
    A file written by anndata before 0.8 is read into memory and rewritten.
    """
    import h5py

    from portal_lib.preparation.reading.storage import H5adWriter

    with h5py.File(source, "r") as file:
        current = is_current(file)
    if not current:
        adata = read_h5ad(source)
        for name, values in (obs or {}).items():
            adata.obs[name] = values
        adata.obsm.update(obsm)
        adata.uns.update(uns)
        write_h5ad_atomic(adata, path)
        return
    with H5adWriter(path, copy_of=source) as out:
        for name, values in obsm.items():
            out.dense(f"obsm/{name}", values.shape, values.dtype)[:] = values
        for name, value in uns.items():
            out.element(f"uns/{name}", value)
        for name, values in (obs or {}).items():
            out.column("obs", name, values)


def write_h5ad_atomic(adata: AnnData, path: str | Path) -> None:
    """Write an h5ad file whole or not at all.

    Parameters
    ----------
    adata
        Not changed.
    path
        The file; its folder is created if needed. An existing file is replaced only when the new one is complete.

    Raises
    ------
    DataError
        The disk is full, or the file cannot be written for another reason.

    Notes
    -----
    An empty `raw` is omitted, because anndata before 0.12 cannot read it.
    """
    from portal_lib.preparation.reading.storage import H5adWriter

    with H5adWriter(path) as out:
        out.element("/", adata)
        if adata.raw is None:
            out.file.pop("raw", None)


def _first_line(error: BaseException) -> str:
    """The message of an error on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
