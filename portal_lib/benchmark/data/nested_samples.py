"""A data set as one file on disk, and nested random samples of it, in memory independent of the number of cells."""

import shutil
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

from portal_lib._files import replacing
from portal_lib.benchmark import registry
from portal_lib.datasets._checks import check_expected
from portal_lib.errors import DataError
from portal_lib.preparation.reading.rows import rows_of
from portal_lib.preparation.reading.sources import open_source
from portal_lib.preparation.reading.storage import H5adWriter


def write_counts(name: str, params: dict, folder: Path, counts: Path, *, threads: int) -> None:
    """Write a data set of the registry as h5ad: raw counts in chunks of rows, obs and var.

    Parameters
    ----------
    name, params
        The data set and all its parameters.
    folder
        The folder of its files.
    counts
        The file to write, completely or not at all.
    threads
        Number of threads for drawing cells and compressing.

    Notes
    -----
    If the plug-in defines ``load_chunks(folder, threads, **params)``, only some chunks are in memory at a time. It
    returns obs and var as `load` does, and an iterator over CSR matrices that together, in order, are the X of `load`.
    Any other data set is loaded into memory as a whole.
    """
    plugin = registry.load("datasets", name)
    if hasattr(plugin, "load_chunks"):
        obs, var, chunks = plugin.load_chunks(folder, threads, **params)
    else:
        loaded = plugin.load(folder, **params)
        counts_in_memory = rows_of(loaded.X)
        if counts_in_memory is None:
            raise DataError(f"data set '{name}': X is not a matrix of numbers.")
        obs, var, chunks = loaded.obs, loaded.var, counts_in_memory.chunks()
    check_expected(anndata.AnnData(obs=obs, var=var), registry.facts("datasets", name))
    with H5adWriter(counts, threads=threads) as out:
        stored = out.csr("X", len(var))
        for rows in chunks:
            stored.append(rows)
        out.element("obs", obs)
        out.element("var", var)


def sample_cells(
    source: Path | list[Path],
    sample: Path,
    *,
    cells: int | None,
    n_batches: int | None = None,
    seed: int,
    keys: list[str],
    layer: str | None = None,
    mod: str | None = None,
    data_name: str,
    config_key: str,
    threads: int = 1,
) -> None:
    """Write a random sample of the cells of a file, in the order of the file, or the cells of its first batches.

    Parameters
    ----------
    source
        A file with raw counts, cells × genes, of any format that is read; or several that are one data set.
    sample
        The h5ad to write: X, the columns `keys` of obs, the names of cells and genes.
    cells
        Size of the sample; None for all cells. A file of exactly this many cells is copied.
    n_batches
        Use the cells of this many batches only, in the order in which they appear in the file; None for all.
    seed
        Seed of the order in which cells join samples; see :func:`joining_order`.
    keys
        Columns of obs to keep, the batch first; all where one of them is missing, so that a later check can list the
        columns.
    layer
        Layer of `source` that holds the counts; None for X.
    mod
        Modality of `source`; None if there is only one.
    data_name, config_key
        Name of the data and their place in the configuration, for messages.
    threads
        Number of threads that read and compress.

    Raises
    ------
    DataError
        The file has fewer cells or batches, or cannot be read.
    """
    with open_source(source, layer=layer, mod=mod, keys=keys, threads=threads, config_key=config_key) as data:
        n_cells = data.shape[0]
        chosen = np.ones(n_cells, bool)
        if n_batches is not None and keys[0] in data.obs:
            number, names = pd.factorize(data.obs[keys[0]])
            if n_batches > len(names):
                words = f"{n_batches:,} of {len(names):,} batches"
                raise DataError(f"{data_name}: a sample of {words}. Lower {config_key}.n_batches.")
            chosen = (number >= 0) & (number < n_batches)
        n_there = int(chosen.sum())
        cells = n_there if cells is None else cells
        if cells > n_there:
            raise DataError(f"{data_name}: a sample of {cells:,} of {n_there:,} cells. Lower {config_key}.cells.")
        # Other formats, and counts in another place than X, are written as h5ad.
        is_h5ad = isinstance(source, Path) and source.is_file() and source.suffix == ".h5ad"
        if cells < n_cells or layer is not None or not is_h5ad:
            order = joining_order(n_cells, seed)
            chosen &= order <= np.sort(order[chosen])[cells - 1]
            _write_sample(data, chosen, sample, threads, data_name)
            return
    assert isinstance(source, Path)
    # Not a hard link: Snakemake sets the times of what it made, so the source would become newer than other samples.
    with replacing(sample) as temporary:
        shutil.copyfile(source, temporary)


def joining_order(n_cells: int, seed: int) -> np.ndarray:
    """The place of each cell in a random order, shape (n_cells,); the sample of n holds those below n.

    So each sample contains every smaller one of the same seed.
    """
    return np.random.default_rng(seed).permutation(n_cells)


def _write_sample(data, chosen: np.ndarray, sample: Path, threads: int, data_name: str) -> None:
    if data.rows is None:
        raise DataError(f"{data_name}: {data.place} is {data.found or 'missing'}; a matrix of numbers is needed.")
    with H5adWriter(sample, threads=threads) as out:
        counts, start = out.csr("X", data.shape[1], dtype=data.rows.dtype), 0
        for rows in data.rows.chunks():
            counts.append(rows[chosen[start : start + rows.shape[0]]])
            start += rows.shape[0]
        out.element("obs", data.obs[chosen].set_axis(pd.Index(data.names.chosen(chosen), dtype=object)))
        out.element("var", pd.DataFrame(index=data.genes))
