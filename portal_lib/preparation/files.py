"""Reading and writing h5ad so that a user's mistake or a full disk ends in one clear message."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib.errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData


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
            raise DataError(f"{path}: is not an h5ad file ({path.stat().st_size:,} bytes, not in HDF5 format).")
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
        What to write; left as it is.
    path
        The file; its folder is made if need be. A file of this name is replaced only when the new one is complete.

    Raises
    ------
    DataError
        The disk is full, or the file cannot be written for another reason of the system.

    Notes
    -----
    The compressed file is made in memory first: HDF5 does not survive a full disk (its handles fail again and again as
    they are closed, then the process is killed by a segmentation fault), a plain write ends in one error.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    image = _h5ad_image(adata)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(image)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        reason = f"{error.strerror}; {len(image):,} bytes"
        raise DataError(f"{path}: cannot be written ({reason}). Nothing half-written was left.") from error


def _h5ad_image(adata: AnnData) -> memoryview:
    """Bytes of the h5ad file; without an empty `raw`, which anndata before 0.12 cannot read."""
    import h5py
    from anndata.io import write_elem

    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        write_elem(file, "/", adata, dataset_kwargs={"compression": "gzip", "compression_opts": 1})
        if adata.raw is None:
            file.pop("raw", None)
    return image.getbuffer()


def _first_line(error: BaseException) -> str:
    """The message of an error on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
