"""The Portal recipe: from raw counts of several batches to variable genes and joint principal components."""

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
from portal_lib.preparation.cell_cycle import CellCycle
from portal_lib.preparation.checks import Scan, check_source, listed, opened
from portal_lib.preparation.columns import pseudotime_of
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
from portal_lib.preparation.order import AS_THEY_COME
from portal_lib.preparation.passes import InMemory, OnDisk, Passes
from portal_lib.preparation.reading.storage import available_threads
from portal_lib.preparation.reading.values import alike_notes
from portal_lib.preparation.variable_genes import MIN_GENES, ClippedSums, Consensus, portal_genes

if TYPE_CHECKING:
    import scipy.sparse as sp
    from anndata import AnnData

    from portal_lib.preparation.prepared import Prepared
    from portal_lib.preparation.reading.rows import Rows
    from portal_lib.preparation.reading.sources import Source

log = logging.getLogger(__name__)


def prepare(
    data: AnnData | str | Path | Sequence[str | Path],
    *,
    batch_key: str | Sequence[str],
    label_key: str | None = None,
    unlabelled: Sequence[object] = (),
    pseudotime_key: str | None = None,
    layer: str | None = None,
    mod: str | None = None,
    batches: Sequence[str] | None = None,
    order: str | Sequence[str | int] = AS_THEY_COME,
    reference: str | int | None = None,
    n_top_genes: int | None = 4000,
    n_pcs: int = 30,
    n_highly_variable: int | None = 2000,
    n_pcs_unintegrated: int | None = 50,
    all_genes: bool = False,
    organism: str | None = None,
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
        backed, the path of a file, or a list of paths that make up one data set; formats are those of
        :func:`portal_lib.preparation.reading.sources.open_source`. Not changed.
    batch_key, label_key
        Columns of obs; None for no labels. Some cells may lack a label. The batches of several columns are their
        combinations, as ``"donor1 · 10x"``.
    unlabelled
        Values of the label column that mean "no label", compared as text, in addition to missing values.
    pseudotime_key
        Column of obs with a known pseudotime: numbers from 0, NaN for cells without one. None if there is no column.
    layer
        Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
    mod
        The modality, of an h5mu file or a MuData; None if there is only one.
    batches
        Names of all batches, as the data set has them. Default: order of first appearance.
    order
        Order of the batches in the result, of which the first is the reference: ``"file"``, that of `batches`;
        ``"largest"``, by number of cells, descending, ties by name; or the names of all batches in order.
    reference
        The batch that goes first; the others keep their order. Default: the first one of `order`.
    n_top_genes
        Variable genes per batch from which Portal's genes are chosen; all genes if there are fewer, or if None.
    n_pcs
        Principal components of Portal's genes; fewer, with a note, if the data allow no more.
    n_highly_variable
        Highly variable genes, for all other methods; all genes if there are fewer, or if None.
    n_pcs_unintegrated
        Principal components of these, in each of their three forms. None skips the highly variable genes: only what
        Portal needs is made.
    all_genes
        Whether X contains all genes, for methods that select genes themselves.
    organism
        ``"human"`` or ``"mouse"``: cells get scores of the cell cycle, as far as its genes are found. With another name
        or None they get none.
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
    AnnData with cells in the order of `data`. Genes: Portal's by rank, then the other highly variable genes by rank,
    then those of the cell cycle, then all others if requested. X: raw counts, CSR float32. obs: ``batch`` (categorical)
    and, with several batch columns, ``batch_1``, ``batch_2`` ...; with a label key ``label`` (categorical; missing for
    cells without a label); ``total_counts`` (over all genes that the file of the cell measured); if requested
    ``pseudotime``; and, where they can be computed, ``S_score`` and ``G2M_score``
    (:class:`portal_lib.preparation.cell_cycle.CellCycle`).
    var: ``portal`` and ``highly_variable`` (bool); ``highly_variable_nbatches`` (batches in which the gene is among the
    `n_highly_variable` most variable ones) and ``highly_variable_rank`` (median rank there, NaN in none); ``pca_mean``;
    ``cell_cycle`` (``"S"``, ``"G2M"`` or missing).
    obsm, all float32: ``X_pca`` (n_cells, n_pcs) of Portal's genes scaled per batch; of the highly variable genes
    (n_cells, n_pcs_unintegrated) ``X_unintegrated``, log-normalised, ``X_scaled``, scaled over all cells, and
    ``X_scaled_per_batch``. varm: ``PCs`` of ``X_pca`` (n_genes, n_pcs; 0 for other genes), ``scale_mean`` and
    ``scale_sd`` (n_genes, n_batches). uns ``preparation``: parameters that are not None; ``batches``,
    ``cells_per_batch`` and ``genes_per_batch`` (variable genes of each) in batch order; ``n_genes``; ``portal_genes``
    and ``highly_variable_genes`` (their numbers), ``portal_rule`` (see
    :func:`portal_lib.preparation.variable_genes.portal_genes`) and ``shared_genes`` (variable in all batches);
    ``cell_cycle`` (numbers of its genes, or why there are no scores); ``notes``.

    With `out`, the result is in that file, and seconds are returned: of each pass over the cells, and, over all passes,
    ``read`` (reading and decompressing in parallel) and ``waited`` (computation waiting for data).

    Raises
    ------
    DataError
        The input cannot be used (see :func:`portal_lib.preparation.check_input`), `order` or `reference` names no
        batch or `order` not all of them, a batch has no gene that varies, there are fewer than 100 genes, or `out`
        cannot be written.

    Notes
    -----
    Genes are scored per batch (`seurat_v3`). Portal's genes are those of
    :func:`portal_lib.preparation.variable_genes.portal_genes`; highly variable ones are ranked by
    :meth:`portal_lib.preparation.variable_genes.Consensus.best`. Cells are normalised to 10⁴ counts over all genes and
    log1p-transformed; scaling has ddof 1 and clips at ±10; each PCA is of all cells. Departs from upstream: float64
    until the scores are stored; ties and failed fits of the variable genes as in
    :mod:`portal_lib.preparation.variable_genes`; the order of cells is kept; the input is not changed.

    The counts are read three times (sums and checks; clipped sums; selection of genes), the selected genes twice more
    (gene-gene products; scores). Memory holds a few chunks of cells, a few numbers per cell, and four matrices of
    genes × genes.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022). Stuart et al., Cell 177, 1888 (2019).
    """
    threads = threads or available_threads()
    scratch = None if out is None else Path(out).parent
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    keys = [*listed(batch_key), label_key, pseudotime_key]
    with (
        opened(
            data,
            layer=layer,
            mod=mod,
            keys=keys,
            data_name=data_name,
            config_key=config_key,
            threads=threads,
            scratch=scratch,
        ) as source,
        Passes(source, threads, progress) as passes,
        InMemory(counts=counts) if out is None else OnDisk(out, threads) as store,
    ):
        n_genes = len(source.genes)
        wanted = [n_genes if n is None else n for n in (n_top_genes, n_highly_variable)]
        request = _Request(
            batch_key, label_key, layer, wanted[0], n_pcs, wanted[1], n_pcs_unintegrated, all_genes, organism
        )
        time = pseudotime_of(source.obs, pseudotime_key, data_name)
        seen = check_source(
            source,
            batch_key=batch_key,
            label_key=label_key,
            unlabelled=unlabelled,
            batches=batches,
            order=order,
            reference=reference,
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

    batch_key: str | Sequence[str]
    label_key: str | None
    layer: str | None
    n_top_genes: int
    n_pcs: int
    n_highly_variable: int
    n_pcs_unintegrated: int | None
    all_genes: bool
    organism: str | None


@dataclass(frozen=True)
class _Genes:
    """Columns of the data that are stored, and which of the stored ones are of what use (numbers of stored columns)."""

    stored: np.ndarray
    portal: np.ndarray
    highly_variable: np.ndarray
    consensus: Consensus
    cycle: CellCycle
    facts: dict

    def table(self, names: pd.Index, centre: np.ndarray) -> pd.DataFrame:
        """The table var; `centre` is that of the Portal genes."""
        table = pd.DataFrame({"portal": False, "highly_variable": False}, index=_text(names[self.stored]))
        for name, columns in (("portal", self.portal), ("highly_variable", self.highly_variable)):
            table.loc[table.index[columns], name] = True
        table["highly_variable_nbatches"] = self.consensus.n_batches[self.stored].astype(np.int32)
        table["highly_variable_rank"] = self.consensus.rank[self.stored]
        table["pca_mean"] = self.spread_out(centre)
        table["cell_cycle"] = self.cycle.phases(self.stored)
        return table

    def spread_out(self, values: np.ndarray) -> np.ndarray:
        """Values of the Portal genes as those of all stored genes; 0 for the others."""
        made = np.zeros((len(self.stored), *values.shape[1:]))
        made[self.portal] = values
        return made


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
    notes = [*seen.notes(), *source.notes]
    notes += alike_notes(source.obs, [request.batch_key, request.label_key])
    genes = _select_genes(seen, passes, request, data_name, notes)
    batch = seen.batch
    spread = _store_counts(store, source, seen, passes, genes)
    n_cells = np.bincount(batch.codes, minlength=len(batch.categories))
    variables = _store_components(store, seen, passes, spread, genes, n_cells, request, notes)

    label = {} if seen.label is None else {"label": seen.label}
    columns = {f"batch_{i}": column for i, column in enumerate(seen.batch_columns, start=1)}
    obs = {"batch": batch} | columns | label | {"total_counts": seen.totals} | time | genes.cycle.scores
    store.table("obs", pd.DataFrame(obs), source.names)
    store.put("var", genes.table(source.genes, variables.mean))
    scaling = Scaling.of(spread, n_cells)
    loadings = {"PCs": genes.spread_out(variables.loadings)}
    store.put("varm", {"scale_mean": scaling.mean.T.copy(), "scale_sd": scaling.sd.T.copy()} | loadings)

    given = {name: value for name, value in vars(request).items() if value is not None}
    if seen.batch_columns:
        given["batch_key"] = np.array(request.batch_key, dtype=object)
    cells = {"batches": np.array(batch.categories, dtype=object), "cells_per_batch": n_cells}
    return given | {"n_genes": len(source.genes)} | genes.facts | cells, notes


@dataclass(frozen=True)
class GeneSpace:
    """Projection of raw counts onto the joint principal components of a prepared object.

    Parameters
    ----------
    genes
        Names of Portal's genes, shape (n_genes,), text.
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
    def of(cls, prepared: AnnData | Prepared) -> GeneSpace:
        """The projection of a prepared object."""
        of_portal = prepared.var["portal"].to_numpy()
        return cls(
            prepared.var_names.to_numpy(dtype=object)[of_portal],
            mean=np.array(prepared.varm["scale_mean"])[of_portal],
            sd=np.array(prepared.varm["scale_sd"])[of_portal],
            centre=np.array(prepared.var["pca_mean"])[of_portal],
            loadings=np.array(prepared.varm["PCs"])[of_portal],
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
                values = scaling.values_of(chosen, log_values_of(chosen, per_total(cell_totals(counts))), code)
                scores[here] = components.scores(chosen, values, code, pool, threads)
        return scores


def _select_genes(seen: Scan, passes: Passes, request: _Request, data_name: str, notes: list[str]) -> _Genes:
    """Score the genes of every batch and choose; appends notes."""
    try:
        sums = ClippedSums(seen)
    except DataError as error:
        raise DataError(f"{data_name}: {error}") from None
    code, factor = seen.batch.codes.astype(np.int32), per_total(seen.totals)
    cycle = CellCycle(passes.source.genes, request.organism, np.bincount(code, minlength=len(seen.batch.categories)))
    for here, rows in passes.numbered("variable genes", passes.source):
        sums.add(rows, code[here])
        cycle.add_means(rows, factor[here], code[here])
    notes += [*sums.notes, *cycle.choose_controls(list(seen.batch.categories))]
    scores = sums.scores()
    n_genes, names = scores.shape[1], list(seen.batch.categories)
    if n_genes < MIN_GENES:
        raise DataError(f"{data_name}: it has {n_genes} genes; at least {MIN_GENES} are needed.")
    portal, rule, n_shared = portal_genes(scores, request.n_top_genes)
    # All genes, of any number of batches, are those that all of them share.
    rule = "intersection" if n_shared == n_genes else rule
    consensus = Consensus.of(scores, request.n_highly_variable)
    variable = portal[:0] if request.n_pcs_unintegrated is None else consensus.best(request.n_highly_variable)
    others = np.arange(n_genes if request.all_genes else 0)
    stored = pd.unique(np.concatenate([portal, variable, *cycle.columns, others]).astype(np.intp))
    if rule != "intersection":
        notes.append(
            f"the {len(names)} batches share {n_shared:,} variable genes, so Portal takes {len(portal):,} genes that "
            "vary in most batches."
        )
    place = np.empty(n_genes, np.intp)
    place[stored] = np.arange(len(stored))
    facts = {"portal_genes": len(portal), "portal_rule": rule, "shared_genes": n_shared}
    facts |= {"highly_variable_genes": len(variable), "cell_cycle": cycle.found}
    facts["genes_per_batch"] = np.full(len(names), min(request.n_top_genes, n_genes))
    return _Genes(stored, place[portal], place[variable], consensus, cycle, facts)


def _store_counts(store: InMemory | OnDisk, source: Source, seen: Scan, passes: Passes, genes: _Genes) -> Spread:
    """Store the counts of the selected genes, sum their log-normalised values, and score the cell cycle."""
    columns = _places(genes.stored, len(source.genes))
    spread = Spread(len(seen.batch.categories), len(genes.stored))
    code, factor = seen.batch.codes.astype(np.int32), per_total(seen.totals)
    for here, rows in passes.numbered("counts of the chosen genes", passes.source):
        chosen = chosen_columns(rows, *columns)
        store.append(chosen)
        genes.cycle.score(here, rows, factor[here], code[here])
        spread.add(chosen, log_values_of(chosen, factor[here]), code[here])
    store.finish()
    return spread


class _Form:
    """One set of genes in one form, its products over cells, and then its components.

    Parameters
    ----------
    scaling
        None for values that are not scaled.
    pooled
        Whether they are scaled over all cells.
    n_cells
        Of each batch.
    n_genes, wanted
        Numbers of genes and components.
    passes
        Its threads are used.
    """

    def __init__(
        self, scaling: Scaling | None, pooled: bool, n_cells: np.ndarray, n_genes: int, wanted: int, passes: Passes
    ):
        self._scaling, self._pooled, self.wanted = scaling, pooled, wanted
        self._n_cells = n_cells.sum(keepdims=True) if pooled else n_cells
        zero = None if scaling is None else scaling.zero
        self.products = Products(len(self._n_cells), n_genes, passes.pool, passes.threads, zero)
        self._components: Components | None = None

    def code(self, code: np.ndarray) -> np.ndarray:
        """Number of the batch of each cell, as far as this form distinguishes them."""
        return np.zeros_like(code) if self._pooled else code

    def values(self, rows: sp.csr_matrix, plain: np.ndarray, code: np.ndarray) -> np.ndarray:
        """Values that replace the log-normalised ones of `rows`."""
        return plain if self._scaling is None else self._scaling.values_of(rows, plain, self.code(code))

    def components(self) -> Components:
        """Its principal components; the products are gone afterwards."""
        if self._components is None:
            self._components = self.products.components(self._n_cells, self.wanted)
            del self.products
        return self._components


def _store_components(
    store: InMemory | OnDisk,
    seen: Scan,
    passes: Passes,
    spread: Spread,
    genes: _Genes,
    n_cells: np.ndarray,
    request: _Request,
    notes: list[str],
) -> Components:
    """Store all sets of principal components; returns those of Portal's genes."""
    code, factor = seen.batch.codes.astype(np.int32), per_total(seen.totals)
    own = Scaling.of(spread.of_genes(genes.portal), n_cells)
    forms = {"portal": {"X_pca": _Form(own, False, n_cells, len(genes.portal), request.n_pcs, passes)}}
    if request.n_pcs_unintegrated is not None:
        together = Scaling.of(spread.of_genes(genes.highly_variable, pooled=True), n_cells.sum(keepdims=True))
        apart = Scaling.of(spread.of_genes(genes.highly_variable), n_cells)
        scalings = {"X_unintegrated": (None, False), "X_scaled": (together, True), "X_scaled_per_batch": (apart, False)}
        forms["highly_variable"] = {
            name: _Form(*scaling, n_cells, len(genes.highly_variable), request.n_pcs_unintegrated, passes)
            for name, scaling in scalings.items()
        }
    columns = {kind: _places(getattr(genes, kind), len(genes.stored)) for kind in forms}

    def parts(name: str):
        """Cells, their rows of each kind of genes, and their log-normalised values."""
        for here, rows in passes.numbered(name, store):
            for kind, own_forms in forms.items():
                chosen = chosen_columns(rows, *columns[kind])
                yield here, chosen, log_values_of(chosen, factor[here]), own_forms

    for here, rows, plain, own_forms in parts("products of genes"):
        values = {name: form.values(rows, plain, code[here]) for name, form in own_forms.items()}
        for name, form in own_forms.items():
            form.products.count(rows, values[name], form.code(code[here]))
        for block in blocks(rows):
            for name, form in own_forms.items():
                form.products.add(rows, values[name], block)
    arrays = {}
    for name, form in [pair for own_forms in forms.values() for pair in own_forms.items()]:
        if (n := form.components().loadings.shape[1]) < form.wanted:
            notes.append(f"{name} has {n} components instead of {form.wanted}: the data allow no more.")
        arrays[name] = store.dense(f"obsm/{name}", (len(code), n))
    for here, rows, plain, own_forms in parts("scores"):
        for name, form in own_forms.items():
            values = form.values(rows, plain, code[here])
            batch = form.code(code[here])
            arrays[name][here] = form.components().scores(rows, values, batch, passes.pool, passes.threads)
    return forms["portal"]["X_pca"].components()


def _places(columns: np.ndarray, n_stored: int) -> tuple[np.ndarray, int]:
    """The new number of every stored column, -1 if it is dropped, and how many are kept."""
    places = np.full(n_stored, -1, np.int32)
    places[columns] = np.arange(len(columns), dtype=np.int32)
    return places, len(columns)


def _text(names: pd.Index) -> pd.Index:
    """Names as text, without an index name."""
    return pd.Index(names.astype(str), name=None)
