"""A data set as one file on disk, and nested random samples of it; both in memory that does not depend on the cells."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib._files import replacing
from portal_lib.benchmark import registry
from portal_lib.errors import DataError
from portal_lib.preparation.rows import rows_of
from portal_lib.preparation.sources import open_source
from portal_lib.preparation.storage import H5adWriter

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData


def store_dataset(
    name: str, params: dict, folder: Path, store: Path, *, check: Callable[[AnnData, dict], None], threads: int
) -> None:
    """Write a data set of the registry as h5ad: raw counts in chunks of rows, obs and var.

    Parameters
    ----------
    name, params
        The data set and all its parameters.
    folder
        Where its files were fetched to.
    store
        The file to write, whole or not at all.
    check
        Called with obs and var, without counts, and with the facts of the data set, before anything is drawn or
        written; raises where they are not the data expected.
    threads
        That draw cells and compress.

    Notes
    -----
    Where the plug-in defines ``load_chunks(folder, threads, **params)``, memory holds some chunks only. It returns obs
    and var as `load` does, and an iterator over CSR matrices whose rows are, in order and together, the X of `load`.
    Any other data set is loaded into memory as a whole.
    """
    import anndata

    facts, plugin = registry.find("datasets")[name], registry.load("datasets", name)
    if hasattr(plugin, "load_chunks"):
        obs, var, chunks = plugin.load_chunks(folder, threads, **params)
    else:
        loaded = plugin.load(folder, **params)
        obs, var, chunks = loaded.obs, loaded.var, rows_of(loaded.X).chunks()
    check(anndata.AnnData(obs=obs, var=var), facts)
    with H5adWriter(store, threads=threads) as out:
        counts = out.csr("X", len(var))
        for rows in chunks:
            counts.append(rows)
        out.element("obs", obs)
        out.element("var", var)


def sample_cells(
    source: Path | list[Path],
    sample: Path,
    *,
    cells: int,
    seed: int,
    keys: list[str],
    layer: str | None = None,
    data_name: str,
    config_key: str,
    threads: int = 1,
) -> None:
    """Write a random sample of the cells of a file, in the order of the file.

    Parameters
    ----------
    source
        An h5ad with raw counts, cells × genes; a zarr store; or several that are one data set.
    sample
        The h5ad to write: X, the columns `keys` of obs, the names of cells and genes.
    cells
        How many; all of them are not written again, but linked or copied as they are.
    seed
        Of the order in which cells join samples; see :func:`joining_order`.
    keys
        Columns of obs to keep; all where one of them is missing, so that a later check can name what there is.
    layer
        Where `source` holds the counts; None for X.
    data_name, config_key
        Name of the data in messages, and of their config_key in the configuration.
    threads
        That read and compress.

    Raises
    ------
    DataError
        The file has fewer cells, or cannot be read.
    """
    with open_source(source, layer=layer, keys=keys, threads=threads, config_key=config_key) as data:
        n_cells = data.shape[0]
        if cells > n_cells:
            raise DataError(f"{data_name}: a sample of {cells:,} of {n_cells:,} cells. Lower {config_key}.cells.")
        if cells < n_cells or layer is not None or not isinstance(source, Path) or source.is_dir():
            _write_sample(data, joining_order(n_cells, seed) < cells, sample, threads, data_name)
            return
    _link(source, sample)


def joining_order(n_cells: int, seed: int) -> np.ndarray:
    """The place of each cell in a random order, shape (n_cells,): the sample of n holds those whose place is below n.

    So the sample of any size holds every smaller one of the same seed.
    """
    import numpy as np

    return np.random.default_rng(seed).permutation(n_cells)


def _write_sample(data, chosen: np.ndarray, sample: Path, threads: int, data_name: str) -> None:
    import pandas as pd

    if data.rows is None:
        raise DataError(f"{data_name}: {data.place} is {data.found or 'missing'}; a matrix of numbers is needed.")
    with H5adWriter(sample, threads=threads) as out:
        counts, start = out.csr("X", data.shape[1], dtype=data.rows.dtype), 0
        for rows in data.rows.chunks():
            counts.append(rows[chosen[start : start + rows.shape[0]]])
            start += rows.shape[0]
        out.element("obs", data.obs[chosen].set_axis(pd.Index(data.names.chosen(chosen), dtype=object)))
        out.element("var", pd.DataFrame(index=data.genes))


def _link(source: Path, target: Path) -> None:
    """The same file under a second name; a copy where that cannot be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
