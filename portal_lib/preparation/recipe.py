"""The Portal recipe: raw counts of several batches to shared variable genes and joint principal components."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from portal_lib.errors import DataError
from portal_lib.preparation.checks import check_input, find_counts
from portal_lib.preparation.components import Components, principal_components
from portal_lib.preparation.normalise import CLIP, as_csr, cell_totals, log_normalise, log_normalised, scale
from portal_lib.preparation.variable_genes import FEW_SHARED, MIN_SHARED, rank_genes, share_genes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

CHUNK = 1024

log = logging.getLogger(__name__)


def prepare(
    adata: AnnData,
    *,
    batch_key: str,
    label_key: str | None = None,
    layer: str | None = None,
    batches: Sequence[str] | None = None,
    n_top_genes: int = 4000,
    n_pcs: int = 30,
    n_pcs_unintegrated: int | None = 50,
    seed: int = 0,
    where: str = "the data",
    entry: str | None = None,
) -> AnnData:
    """Make the prepared object that every method starts from.

    Parameters
    ----------
    adata
        Raw counts (cells × genes, dense, CSR or CSC, any number type with whole numbers); left as it is.
    batch_key, label_key
        Columns of obs; None for no labels.
    layer
        Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
    batches
        Names of all batches in data-set order; the first is the reference. Default: order of first appearance.
    n_top_genes
        Variable genes per batch; all genes if there are fewer.
    n_pcs, n_pcs_unintegrated
        Principal components of the scaled and of the unscaled genes; fewer where the data allow fewer, with a note.
        None leaves out those of the unscaled genes.
    seed
        Start of the decomposition.
    where, entry
        Name of the data in messages, and of their entry in the configuration (``datasets[0]``), if there is one.

    Returns
    -------
    AnnData with cells in the order of `adata` and the shared variable genes in the rank order of the first batch. X:
    raw counts, CSR float32. obs: ``batch`` and ``label`` (categorical), ``total_counts`` (over all genes). obsm:
    ``X_pca`` (n_cells, n_pcs) of genes scaled per batch, ``X_unintegrated`` (n_cells, n_pcs_unintegrated) of the
    log-normalised genes, both float32. varm: ``PCs`` (n_genes, n_pcs), ``scale_mean`` and ``scale_sd`` (n_genes,
    n_batches). var: ``pca_mean``. uns ``preparation``: parameters that are not None, and in data-set order
    ``batches``, ``cells_per_batch``, ``genes_per_batch`` (variable genes of each); ``n_genes``, ``shared_genes``,
    ``notes``.

    Raises
    ------
    DataError
        The input cannot be used (see :func:`portal_lib.preparation.check_input`), a batch has no gene that varies, or
        the batches share fewer than 100 variable genes.

    Notes
    -----
    Per batch: `seurat_v3` variable genes; the lists are intersected. Cells are normalised to 10⁴ over all genes and
    log1p-transformed; each batch is scaled on its own (ddof 1, clipped at ±10); one PCA of all cells.
    Departs from upstream: float64 until the scores are stored; ties and failed fits of the variable genes as in
    :mod:`portal_lib.preparation.variable_genes`; the order of cells is kept; the input is not changed.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022).
    """
    keys = {"batch_key": batch_key, "label_key": label_key, "layer": layer}
    notes = check_input(adata, **keys, batches=batches, where=where, entry=entry)
    batch = as_categorical(adata.obs[batch_key], batches)
    matrix, names, _ = find_counts(adata, layer)
    counts = as_csr(matrix)
    totals = cell_totals(counts)
    genes, genes_per_batch = _select_genes(counts, batch, n_top_genes, where, notes)
    counts = as_csr(counts[:, genes])

    label = {} if label_key is None else {"label": as_categorical(adata.obs[label_key])}
    obs = {"batch": batch} | label | {"total_counts": totals}
    prepared = _annotate(counts, pd.DataFrame(obs, index=_text(adata.obs_names)), _text(names[genes]))
    _add_components(prepared, batch, n_pcs, n_pcs_unintegrated, seed, notes)
    numbers = {"n_top_genes": n_top_genes, "n_pcs": n_pcs, "n_pcs_unintegrated": n_pcs_unintegrated, "seed": seed}
    given = {name: value for name, value in (keys | numbers).items() if value is not None}
    sizes = {"n_genes": len(names), "shared_genes": len(genes), "genes_per_batch": np.array(genes_per_batch)}
    cells = {"batches": np.array(batch.categories, dtype=object), "cells_per_batch": np.bincount(batch.codes)}
    prepared.uns["preparation"] = given | sizes | cells | {"notes": np.array(notes, dtype=object)}
    for note in notes:
        log.warning("%s: %s", where, note)
    return prepared


@dataclass(frozen=True)
class GeneSpace:
    """What maps raw counts to the joint components of a prepared object.

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
        """That of a prepared object."""
        arrays = (*(prepared.varm[name] for name in ("scale_mean", "scale_sd")), prepared.var["pca_mean"])
        names = prepared.var_names.to_numpy(dtype=object)
        return cls(names, *(np.array(array) for array in arrays), np.array(prepared.varm["PCs"]))

    def scores(self, matrix: object, genes: pd.Index, batch: np.ndarray, chunk: int = CHUNK) -> np.ndarray:
        """Components of cells from their counts: for the cells of the prepared object its ``X_pca``, to rounding.

        Parameters
        ----------
        matrix
            Raw counts, shape (n_cells, n_genes of these data), dense or sparse. Totals are taken over all its genes.
        genes
            Names of its columns; unique, and all of `self.genes` among them (:func:`check_new_cells`).
        batch
            Number of the batch of each cell, in data-set order, shape (n_cells,).
        chunk
            Cells at a time. Bounds memory, does not change the result.

        Returns
        -------
        Scores, shape (n_cells, n_pcs), float32, rows in the order of `matrix`.
        """
        columns = genes.astype(str).get_indexer(self.genes)
        rows = matrix.tocsr() if sp.issparse(matrix) else np.asarray(matrix)
        scores = np.empty((rows.shape[0], self.loadings.shape[1]), np.float32)
        for start in range(0, len(scores), chunk):
            here = slice(start, start + chunk)
            counts = as_csr(rows[here])
            logged = log_normalise(as_csr(counts[:, columns]), cell_totals(counts)).toarray()
            scaled = np.clip((logged - self.mean.T[batch[here]]) / self.sd.T[batch[here]], -CLIP, CLIP)
            scores[here] = (scaled - self.centre) @ self.loadings
        return scores


def as_categorical(column: pd.Series, order: Sequence[str] | None = None) -> pd.Categorical:
    """Values as text; categories in the given order, else in that of first appearance."""
    values = column.astype(str).to_numpy(dtype=object)
    categories = pd.unique(values) if order is None else [str(name) for name in order]
    return pd.Categorical(values, categories=categories)


def _select_genes(
    counts: sp.csr_matrix, batch: pd.Categorical, n_top_genes: int, where: str, notes: list[str]
) -> tuple[np.ndarray, list[int]]:
    """Columns of the shared variable genes, and the number of variable genes per batch; adds to the notes."""
    ranked = []
    for code, name in enumerate(batch.categories):
        try:
            columns, note = rank_genes(counts[batch.codes == code], n_top_genes)
        except DataError as error:
            raise DataError(f"{where}: batch '{name}': {error}. Remove the batch or give it counts.") from None
        ranked.append(columns)
        if note:
            notes.append(f"batch '{name}': {note}.")
    genes, per_batch = share_genes(ranked), [len(columns) for columns in ranked]
    _check_shared(len(genes), dict(zip(batch.categories, per_batch, strict=True)), n_top_genes, where)
    if len(genes) < FEW_SHARED:
        notes.append(f"the batches share only {len(genes)} variable genes (n_top_genes {n_top_genes}).")
    return genes, per_batch


def _check_shared(n_shared: int, per_batch: dict[str, int], n_top_genes: int, where: str) -> None:
    """Refuse fewer than 100 shared genes."""
    if n_shared >= MIN_SHARED:
        return
    listed = ", ".join(f"'{name}' {n}" for name, n in per_batch.items())
    hint = f"Raise n_top_genes (now {n_top_genes})."
    if max(per_batch.values()) < n_top_genes:
        hint = "Every gene is in use already, so the data need more genes."
    raise DataError(
        f"{where}: the batches share {n_shared} variable genes; at least {MIN_SHARED} are needed. "
        f"Variable genes per batch: {listed}. {hint}"
    )


def _scale_batches(values: sp.csr_matrix, batch: pd.Categorical) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scaled values in the order of the cells; mean and sd per gene and batch, shape (n_genes, n_batches)."""
    scaled = np.empty(values.shape)
    mean, sd = np.empty((2, values.shape[1], len(batch.categories)))
    for code in range(len(batch.categories)):
        rows = batch.codes == code
        scaled[rows], mean[:, code], sd[:, code] = scale(values[rows])
    return scaled, mean, sd


def _add_components(
    prepared: AnnData, batch: pd.Categorical, n_pcs: int, n_pcs_unintegrated: int | None, seed: int, notes: list[str]
) -> None:
    """Store both sets of principal components, and what maps genes to the scaled one."""
    values = log_normalised(prepared)
    scaled, prepared.varm["scale_mean"], prepared.varm["scale_sd"] = _scale_batches(values, batch)
    pca = _components(scaled, n_pcs, seed, "X_pca", notes)
    prepared.obsm["X_pca"] = pca.scores.astype(np.float32)
    if n_pcs_unintegrated is not None:
        unintegrated = _components(values, n_pcs_unintegrated, seed, "X_unintegrated", notes)
        prepared.obsm["X_unintegrated"] = unintegrated.scores.astype(np.float32)
    prepared.varm["PCs"] = np.ascontiguousarray(pca.loadings)
    prepared.var["pca_mean"] = pca.mean


def _components(values: np.ndarray | sp.csr_matrix, wanted: int, seed: int, name: str, notes: list[str]) -> Components:
    """Principal components; notes where the data allow fewer than wanted."""
    components = principal_components(values, wanted, seed)
    if (n := components.scores.shape[1]) < wanted:
        notes.append(f"{name} has {n} components instead of {wanted}: the data allow no more.")
    return components


def _annotate(counts: sp.csr_matrix, obs: pd.DataFrame, genes: pd.Index) -> AnnData:
    """Counts with their names."""
    from anndata import AnnData

    return AnnData(counts, obs=obs, var=pd.DataFrame(index=genes))


def _text(names: pd.Index) -> pd.Index:
    """Names as text, without a name of their own."""
    return pd.Index(names.astype(str), name=None)
