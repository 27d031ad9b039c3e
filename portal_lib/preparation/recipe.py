"""The Portal recipe: from raw counts of several batches to shared variable genes and joint principal components."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib.errors import DataError
from portal_lib.preparation.checks import Scan, check_source, opened
from portal_lib.preparation.columns import as_categorical, pseudotime_of
from portal_lib.preparation.components import Components, Products, blocks
from portal_lib.preparation.normalise import (
    CLIP,
    Scaling,
    Spread,
    cell_totals,
    chosen_columns,
    log_values_of,
    per_total,
)
from portal_lib.preparation.passes import InMemory, OnDisk, Passes
from portal_lib.preparation.storage import available_threads
from portal_lib.preparation.variable_genes import FEW_SHARED, MIN_SHARED, share_genes, variable_genes

if TYPE_CHECKING:
    from anndata import AnnData

    from portal_lib.preparation.rows import Rows
    from portal_lib.preparation.sources import Source

log = logging.getLogger(__name__)


def prepare(
    data: AnnData | str | Path | Sequence[str | Path],
    *,
    batch_key: str,
    label_key: str | None = None,
    pseudotime_key: str | None = None,
    layer: str | None = None,
    batches: Sequence[str] | None = None,
    n_top_genes: int = 4000,
    n_pcs: int = 30,
    n_pcs_unintegrated: int | None = 50,
    out: str | Path | None = None,
    counts: bool = True,
    threads: int | None = None,
    progress: bool | None = False,
    data_name: str = "the data",
    config_key: str | None = None,
) -> AnnData | dict[str, float]:
    """Make the prepared object, the input of every method, in bounded memory.

    Parameters
    ----------
    data
        Raw counts (cells × genes, dense, CSR or CSC, any number type with whole numbers): an AnnData in memory or
        backed, the path of an h5ad file or zarr store, or a list of paths that make up one data set. Not changed.
    batch_key, label_key
        Columns of obs; None for no labels.
    pseudotime_key
        Column of obs with a known pseudotime: numbers from 0, NaN for cells without one. None if there is no column.
    layer
        Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
    batches
        Names of all batches in order; the first is the reference. Default: order of first appearance.
    n_top_genes
        Variable genes per batch; all genes if there are fewer.
    n_pcs, n_pcs_unintegrated
        Principal components of the scaled and of the unscaled genes; fewer, with a note, if the data allow no more.
        ``n_pcs_unintegrated=None`` skips the unscaled genes.
    out
        Write the result to this h5ad file, whole or not at all, instead of returning it.
    counts
        Whether a result in memory contains X.
    threads
        Upper limit; default: all. The result does not depend on it.
    progress
        A progress bar on stderr; None shows one only if stderr is a terminal.
    data_name, config_key
        Name of the data in messages, and their place in the configuration (``datasets[0]``), if there is one.

    Returns
    -------
    AnnData with cells in the order of `data` and the shared variable genes in the rank order of the first batch. X:
    raw counts, CSR float32. obs: ``batch`` and ``label`` (categorical), ``total_counts`` (over all genes) and, if
    requested, ``pseudotime``. obsm: ``X_pca`` (n_cells, n_pcs) of genes scaled per batch, ``X_unintegrated`` (n_cells,
    n_pcs_unintegrated) of the log-normalised genes, both float32. varm: ``PCs`` (n_genes, n_pcs), ``scale_mean`` and
    ``scale_sd`` (n_genes, n_batches). var: ``pca_mean``. uns ``preparation``: parameters that are not None;
    ``batches``, ``cells_per_batch`` and ``genes_per_batch`` (variable genes of each) in batch order; ``n_genes``,
    ``shared_genes``, ``notes``.

    With `out`, the result is in that file, and seconds are returned: of each pass over the cells, and, over all passes,
    ``read`` (reading and decompressing in parallel) and ``waited`` (computation waiting for data).

    Raises
    ------
    DataError
        The input cannot be used (see :func:`portal_lib.preparation.check_input`), a batch has no gene that varies, the
        batches share fewer than 100 variable genes, or `out` cannot be written.

    Notes
    -----
    Highly variable genes (`seurat_v3`) are selected per batch and intersected. Cells are normalised to 10⁴ counts over
    all genes and log1p-transformed; each batch is scaled separately (ddof 1, clipped at ±10); one PCA of all cells.
    Departs from upstream: float64 until the scores are stored; ties and failed fits of the variable genes as in
    :mod:`portal_lib.preparation.variable_genes`; the order of cells is kept; the input is not changed.

    The counts are read three times (sums and checks; clipped sums; selection of genes), the selected genes twice more
    (gene-gene products; scores). Memory holds a few chunks of cells, a few numbers per cell, and two matrices of shared
    genes × shared genes.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022).
    """
    threads = threads or available_threads()
    request = _Request(batch_key, label_key, layer, n_top_genes, n_pcs, n_pcs_unintegrated)
    scratch = None if out is None else Path(out).parent
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    keys = [batch_key, label_key, pseudotime_key]
    with (
        opened(
            data,
            layer=layer,
            keys=keys,
            data_name=data_name,
            config_key=config_key,
            threads=threads,
            scratch=scratch,
        ) as source,
        Passes(source, threads, progress) as passes,
        InMemory(counts=counts) if out is None else OnDisk(out, threads) as store,
    ):
        time = pseudotime_of(source.obs, pseudotime_key, data_name)
        seen = check_source(
            source,
            batch_key=batch_key,
            label_key=label_key,
            batches=batches,
            data_name=data_name,
            config_key=config_key,
            passes=passes,
        )
        facts, notes = _fill(store, source, passes, seen, request, time, data_name)
        store.put("uns", {"preparation": facts | {"notes": np.array(notes, dtype=object)}})
        for note in notes:
            log.warning("%s: %s", data_name, note)
        result = store.result()
    return passes.seconds if result is None else result


@dataclass(frozen=True)
class _Request:
    """Parameters of a preparation, as stored in uns."""

    batch_key: str
    label_key: str | None
    layer: str | None
    n_top_genes: int
    n_pcs: int
    n_pcs_unintegrated: int | None


def _fill(
    store: InMemory | OnDisk,
    source: Source,
    passes: Passes,
    seen: Scan,
    request: _Request,
    time: dict,
    data_name: str,
) -> tuple[dict, list[str]]:
    """Put everything but uns into the store; returns the facts and notes for uns."""
    notes = seen.notes()
    genes, genes_per_batch = _select_genes(seen, passes, request.n_top_genes, data_name, notes)
    batch, names = seen.batch, _text(source.genes[genes])
    spread = _store_counts(store, source, seen, passes, genes)
    n_cells = np.bincount(batch.codes, minlength=len(batch.categories))
    scaling = Scaling.of(spread, n_cells)
    variables = _store_components(store, seen, passes, scaling, n_cells, request, notes)

    label = {} if request.label_key is None else {"label": as_categorical(source.obs[request.label_key])}
    obs = {"batch": batch} | label | {"total_counts": seen.totals} | time
    store.table("obs", pd.DataFrame(obs), source.names)
    store.put("var", pd.DataFrame({"pca_mean": variables.mean}, index=names))
    loadings = {"PCs": variables.loadings}
    store.put("varm", {"scale_mean": scaling.mean.T.copy(), "scale_sd": scaling.sd.T.copy()} | loadings)

    given = {name: value for name, value in vars(request).items() if value is not None}
    sizes = {"n_genes": len(source.genes), "shared_genes": len(genes), "genes_per_batch": np.array(genes_per_batch)}
    cells = {"batches": np.array(batch.categories, dtype=object), "cells_per_batch": n_cells}
    return given | sizes | cells, notes


@dataclass(frozen=True)
class GeneSpace:
    """Projection of raw counts onto the joint principal components of a prepared object.

    Parameters
    ----------
    genes
        Names of the shared variable genes, shape (n_genes,), text.
    mean, sd
        Of the log-normalised values, per gene and batch, shape (n_genes, n_batches).
    centre
        Pooled mean of the scaled values, shape (n_genes,).
    loadings
        Shape (n_genes, n_pcs).
    """

    genes: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    centre: np.ndarray
    loadings: np.ndarray

    @classmethod
    def of(cls, prepared: AnnData) -> GeneSpace:
        """The projection of a prepared object."""
        return cls(
            prepared.var_names.to_numpy(dtype=object),
            mean=np.array(prepared.varm["scale_mean"]),
            sd=np.array(prepared.varm["scale_sd"]),
            centre=np.array(prepared.var["pca_mean"]),
            loadings=np.array(prepared.varm["PCs"]),
        )

    def scores(self, rows: Rows, genes: pd.Index, batch: np.ndarray) -> np.ndarray:
        """Scores of cells from their counts: for the cells of the prepared object its ``X_pca``, to rounding.

        Parameters
        ----------
        rows
            Raw counts, shape (n_cells, n_genes of these data); totals are over all of these genes.
        genes
            Names of the columns of `rows`; unique, and including all of `self.genes`
            (:func:`portal_lib.preparation.checks.check_new_cells`).
        batch
            Batch number of each cell, in batch order, shape (n_cells,).

        Returns
        -------
        Scores, shape (n_cells, n_pcs), float32, in the order of `rows`.
        """
        zero = np.clip(-self.mean / self.sd, -CLIP, CLIP).T
        scaling = Scaling(self.mean.T, self.sd.T, zero)
        components = Components(self.loadings, self.centre, (zero - self.centre) @ self.loadings)
        column = pd.Index(self.genes).get_indexer(genes.astype(str)).astype(np.int32)
        scores, start = np.empty((rows.shape[0], self.loadings.shape[1]), np.float32), 0
        with ThreadPoolExecutor(threads := available_threads()) as pool:
            for counts in rows.chunks():
                here = slice(start, start + counts.shape[0])
                start, code = here.stop, batch[here].astype(np.int32)
                chosen = chosen_columns(counts, column, len(self.genes))
                values = scaling.values_of(chosen, per_total(cell_totals(counts)), code)["X_pca"]
                scores[here] = components.scores(chosen, values, code, pool, threads)
        return scores


def _select_genes(
    seen: Scan, passes: Passes, n_top_genes: int, data_name: str, notes: list[str]
) -> tuple[np.ndarray, list[int]]:
    """Columns of the shared variable genes, and the number of variable genes per batch; appends notes."""
    try:
        ranked, failed = variable_genes(seen, passes.counts("variable genes"), n_top_genes)
    except DataError as error:
        raise DataError(f"{data_name}: {error}") from None
    notes += failed
    genes, per_batch = share_genes(ranked), [len(columns) for columns in ranked]
    _check_shared(len(genes), dict(zip(seen.batch.categories, per_batch, strict=True)), n_top_genes, data_name)
    if len(genes) < FEW_SHARED:
        notes.append(f"the batches share only {len(genes)} variable genes (n_top_genes {n_top_genes}).")
    return genes, per_batch


def _check_shared(n_shared: int, per_batch: dict[str, int], n_top_genes: int, data_name: str) -> None:
    """Refuse fewer than 100 shared genes."""
    if n_shared >= MIN_SHARED:
        return
    listed = ", ".join(f"'{name}' {n}" for name, n in per_batch.items())
    hint = f"Raise n_top_genes (now {n_top_genes})."
    if max(per_batch.values()) < n_top_genes:
        hint = "All genes are used already, so the data need more genes."
    raise DataError(
        f"{data_name}: the batches share {n_shared} variable genes; at least {MIN_SHARED} are needed. "
        f"Variable genes per batch: {listed}. {hint}"
    )


def _store_counts(store: InMemory | OnDisk, source: Source, seen: Scan, passes: Passes, genes: np.ndarray) -> Spread:
    """Store the counts of the selected genes, and sum their log-normalised values."""
    column = np.full(len(source.genes), -1, np.int32)
    column[genes] = np.arange(len(genes), dtype=np.int32)
    spread = Spread(len(seen.batch.categories), len(genes))
    code, factor = seen.batch.codes.astype(np.int32), per_total(seen.totals)
    for here, rows in passes.numbered("counts of the chosen genes", passes.source):
        chosen = chosen_columns(rows, column, len(genes))
        store.append(chosen)
        spread.add(chosen, log_values_of(chosen, factor[here]), code[here])
    store.finish()
    return spread


def _store_components(
    store: InMemory | OnDisk,
    seen: Scan,
    passes: Passes,
    scaling: Scaling,
    n_cells: np.ndarray,
    request: _Request,
    notes: list[str],
) -> Components:
    """Store both sets of principal components; returns those of the scaled genes."""
    code, factor = seen.batch.codes.astype(np.int32), per_total(seen.totals)
    wanted = {"X_pca": request.n_pcs}
    if request.n_pcs_unintegrated is not None:
        wanted["X_unintegrated"] = request.n_pcs_unintegrated
    zeros = {"X_pca": scaling.zero, "X_unintegrated": None}
    n_batches, n_genes = scaling.zero.shape
    sums = {name: Products(n_batches, n_genes, passes.pool, passes.threads, zeros[name]) for name in wanted}
    for here, rows in passes.numbered("products of genes", store):
        values = scaling.values_of(
            rows, factor[here], code[here], {name: product.total for name, product in sums.items()}
        )
        for columns in blocks(rows):
            for name, product in sums.items():
                product.add(rows, values[name], columns)
    made = {name: sums.pop(name).components(n_cells, number) for name, number in wanted.items()}
    for name, number in wanted.items():
        if (n := made[name].loadings.shape[1]) < number:
            notes.append(f"{name} has {n} components instead of {number}: the data allow no more.")
    arrays = {name: store.dense(f"obsm/{name}", (len(code), made[name].loadings.shape[1])) for name in wanted}
    for here, rows in passes.numbered("scores", store):
        values = scaling.values_of(rows, factor[here], code[here])
        for name, components in made.items():
            arrays[name][here] = components.scores(rows, values[name], code[here], passes.pool, passes.threads)
    return made["X_pca"]


def _text(names: pd.Index) -> pd.Index:
    """Names as text, without an index name."""
    return pd.Index(names.astype(str), name=None)
