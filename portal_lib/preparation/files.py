"""Reading and writing h5ad so that a user's mistake or a full disk ends in one clear message."""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib.errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def read_h5ad(path: str | Path, *, layer: str | None = None, entry: str | None = None) -> AnnData:
    """Read an h5ad file into memory.

    Parameters
    ----------
    path
        The file.
    layer
        Take X from this layer; ``"raw"`` takes ``raw.X`` with its genes, unless a layer has that name.
    entry
        Where the configuration describes the file (``datasets[0]``); makes the hints exact.

    Returns
    -------
    AnnData, cells × genes, as stored but for X when `layer` is given.

    Raises
    ------
    DataError
        There is no such file, it is not an h5ad, it is cut short or damaged, or it has no such layer.
    """
    import anndata

    path = Path(path)
    _check_hdf5(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adata = anndata.read_h5ad(path)
    except MemoryError:
        raise
    except Exception as error:
        raise DataError(
            f"{path}: cannot be read as h5ad ({_first_line(error)}). Write it again with anndata."
        ) from error
    return adata if layer is None else _take_layer(adata, layer, path, entry)


def _check_hdf5(path: Path) -> None:
    """Refuse what is not an AnnData in HDF5, with the reason."""
    import h5py

    if not path.exists():
        raise DataError(f"{path}: there is no such file (looked from {Path.cwd()}).")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not an h5ad file.")
    try:
        if not h5py.is_hdf5(path):
            raise DataError(f"{path}: is not an h5ad file: it does not start as HDF5 does.")
        with h5py.File(path, "r") as file:
            groups = sorted(file)
    except OSError as error:
        size = path.stat().st_size
        raise DataError(
            f"{path}: cannot be opened as HDF5 ({_first_line(error)}). It has {size:,} bytes; copy or fetch it again."
        ) from error
    if not {"obs", "var"} <= set(groups):
        found = ", ".join(groups) or "nothing"
        raise DataError(f"{path}: is HDF5, but not an h5ad: it has no obs and var. Found: {found}.")


def _take_layer(adata: AnnData, layer: str, path: Path, entry: str | None) -> AnnData:
    """The same cells with X from a layer or from raw."""
    from anndata import AnnData

    if layer in adata.layers:
        adata.X = adata.layers.pop(layer)
        return adata
    if layer == "raw" and adata.raw is not None:
        return AnnData(adata.raw.X, obs=adata.obs, var=adata.raw.var)
    found = ", ".join([*sorted(adata.layers), *(["raw"] if adata.raw is not None else [])]) or "no layers"
    raise DataError(f"{path}: has no layer '{layer}'. Found: {found}. Set {f'{entry}.' if entry else ''}layer.")


def write_h5ad_atomic(adata: AnnData, path: str | Path) -> None:
    """Write an h5ad file whole or not at all.

    Parameters
    ----------
    adata
        What to write.
    path
        The file; its folder is made if need be. A file of this name is replaced only when the new one is complete.

    Raises
    ------
    DataError
        The disk is full, or the file cannot be written for another reason of the system.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        adata.write_h5ad(part, compression="gzip", compression_opts=1)
        os.replace(part, path)
    except Exception as error:
        if (reason := _system_reason(error)) is None:
            raise
        raise DataError(f"{path}: cannot be written: {reason}. Nothing was left behind.") from error
    finally:
        part.unlink(missing_ok=True)


def _system_reason(error: BaseException) -> str | None:
    """What the system says about a failed write, looking through the errors that HDF5 wraps; None if it is no such."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    for code in NO_ROOM:
        if any(getattr(e, "errno", None) == code or f"errno = {code}" in str(e) for e in chain):
            return "no space left on the disk, or a limit on file size was met"
    return next((_first_line(e) for e in chain if isinstance(e, OSError)), None)


def _first_line(error: BaseException) -> str:
    """The message of an error on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
