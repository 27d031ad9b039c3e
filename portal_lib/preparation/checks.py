"""Checks of input: every problem found at once, each with what was found, what is allowed, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from portal_lib.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from anndata import AnnData

MIN_CELLS = 10
# Above this, float32 no longer holds every whole number.
EXACT_IN_FLOAT32 = 2**24
# exp(20) counts is more than a cell has: fractional values below are taken for logarithms.
LARGEST_LOGARITHM = 20.0


def check_input(
    adata: AnnData,
    *,
    batch_key: str,
    label_key: str,
    batches: Sequence[str] | None = None,
    where: str = "the data",
    entry: str | None = None,
) -> list[str]:
    """Check that data can be prepared; the same checks for own files and for the data sets of the registry.

    Parameters
    ----------
    adata
        Raw counts in X, cells × genes; left as it is.
    batch_key, label_key
        Columns of obs.
    batches
        Names of all batches, if they are known beforehand.
    where
        What the messages call the data, such as the file's name.
    entry
        Where the configuration describes the data (``datasets[0]``); makes the hints exact.

    Returns
    -------
    Notes on what is unusual but allowed.

    Raises
    ------
    DataError
        All problems in one message: no cells or genes; X missing, or not counts (NaN, infinite, negative,
        fractional); cell or gene names that occur twice; a column that is missing or has empty values; only one
        batch, a batch of fewer than 10 cells, or one that `batches` does not name.
    """
    problems = list(_shape_problems(adata))
    if not problems:
        problems += _count_problems(adata, entry)
        problems += _name_problems(adata)
        problems += _column_problems(adata, batch_key, label_key, batches, entry)
    raise_problems(where, problems)
    return list(_notes(adata))


def raise_problems(where: str, problems: Sequence[str]) -> None:
    """Raise one DataError that holds all problems; none, no error."""
    if len(problems) == 1:
        raise DataError(f"{where}: {problems[0]}")
    if problems:
        raise DataError("\n  ".join([f"{where} has {len(problems)} problems", *problems]))


def holds_counts(matrix: object) -> bool:
    """Whether a matrix holds whole numbers, none negative, at least one of them not 0."""
    values = _values(matrix)
    return bool(values is not None and values.size and values.any() and not _describe(matrix, values))


def _values(matrix: object) -> np.ndarray | None:
    """Stored values of a dense or sparse matrix of numbers; None for anything else."""
    values = matrix.data if sp.issparse(matrix) else matrix
    numeric = isinstance(values, np.ndarray) and (values.dtype.kind in "biuf")
    return values.ravel() if numeric else None


def _shape_problems(adata: AnnData) -> Iterator[str]:
    for n, what in ((adata.n_obs, "cells"), (adata.n_vars, "genes")):
        if n == 0:
            yield f"it holds no {what} (shape {adata.n_obs} × {adata.n_vars}, cells × genes)."


def _count_problems(adata: AnnData, entry: str | None) -> Iterator[str]:
    """At most one problem of X, with the place where counts were found instead."""
    if adata.X is None:
        found = "X is missing"
    elif (values := _values(adata.X)) is None:
        found = f"X is {type(adata.X).__name__}, not a dense, CSR or CSC matrix of numbers in memory"
    else:
        found = _describe(adata.X, values) or ("" if values.any() else "X holds only zeros")
    if found:
        yield f"{found}. Raw counts are needed: whole numbers, none negative. {_counts_elsewhere(adata, entry)}"


def _describe(matrix: object, values: np.ndarray) -> str:
    """Why the values are not counts, and what they look like; empty if they may be counts."""
    if values.dtype.kind in "bui" and (values.dtype.kind in "bu" or values.min(initial=0) >= 0):
        return ""
    size = np.prod(matrix.shape)
    if (n := values.size - np.count_nonzero(np.isfinite(values))) > 0:
        return f"X holds values that are NaN or infinite ({n:,} of {size:,})"
    if (lowest := values.min(initial=0)) < 0:
        n = np.count_nonzero(values < 0)
        return f"X holds negative values (lowest {lowest:.4g}; {n:,} of {size:,}): it looks scaled or corrected"
    whole = np.count_nonzero(values == np.floor(values))
    if whole < values.size:
        return f"X holds fractions (largest value {values.max():.4g}): it looks {_fractional_kind(matrix, values)}"
    return ""


def _fractional_kind(matrix: object, values: np.ndarray) -> str:
    """What a non-negative matrix with fractions most likely is."""
    if values.max() > LARGEST_LOGARITHM:
        total = _common_total(matrix)
        return f"normalised (every cell sums to {total:,.0f})" if total else "normalised, or like estimated counts"
    undone = sp.csr_matrix(matrix, dtype=np.float64, copy=True)
    undone.data = np.expm1(undone.data)
    total = _common_total(undone)
    return f"log-normalised (log1p of counts per {total:,.0f})" if total else "log-transformed"


def _common_total(matrix: object) -> float | None:
    """The sum that all cells which are not empty share within 1 %; None if they differ."""
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    totals = totals[totals > 0]
    return float(np.median(totals)) if totals.size > 1 and np.ptp(totals) < 0.01 * np.median(totals) else None


def _counts_elsewhere(adata: AnnData, entry: str | None) -> str:
    """Name the layers that hold counts, else say that none does."""
    names = [
        name for name in sorted(adata.layers, key=lambda name: name != "counts") if holds_counts(adata.layers[name])
    ]
    found = [f"layers['{name}']" for name in names]
    if adata.raw is not None and holds_counts(adata.raw.X):
        names.append("raw")
        found.append("raw.X")
    if not found:
        return "No layer and no raw.X holds counts either."
    setting = f"{entry}.layer" if entry else "layer"
    return f"Found in {', '.join(found)}: set {setting} to '{names[0]}'."


def _name_problems(adata: AnnData) -> Iterator[str]:
    for names, what, function in (
        (adata.obs_names, "cell", "obs_names_make_unique"),
        (adata.var_names, "gene", "var_names_make_unique"),
    ):
        if (twice := names[names.duplicated()].unique()).size:
            have = f"{what} name occurs" if len(twice) == 1 else f"{what} names occur"
            yield f"{len(twice):,} {have} more than once: {_some(map(repr, twice))}. adata.{function}() renames them."


def _column_problems(
    adata: AnnData, batch_key: str, label_key: str, batches: Sequence[str] | None, entry: str | None
) -> Iterator[str]:
    """Problems of both columns, and of the batches if their column is complete."""
    for key, role in ((batch_key, "batch"), (label_key, "label")):
        setting = f"{entry}.{role}" if entry else f"{role}_key"
        problems = list(_one_column(adata.obs, key, setting))
        yield from problems
        if role == "batch" and not problems:
            yield from _batch_problems(adata.obs[key].astype(str), batches)
    if batch_key == label_key:
        yield f"batch and label are the same column, '{batch_key}'. Name two columns."


def _one_column(obs: pd.DataFrame, key: str, setting: str) -> Iterator[str]:
    if key not in obs.columns:
        yield f"obs has no column '{key}'. Found: {_some(obs.columns, 20) or 'no columns'}. Set {setting}."
        return
    missing = obs[key].isna().to_numpy() | (obs[key].astype(str).str.strip() == "").to_numpy()
    if n := int(missing.sum()):
        cells = _some(map(repr, obs.index[missing]))
        yield f"obs['{key}'] is empty for {n:,} of {len(obs):,} cells: {cells}. Fill in or remove these cells."


def _batch_problems(column: pd.Series, batches: Sequence[str] | None) -> Iterator[str]:
    sizes = column.value_counts(sort=False)
    if len(sizes) == 1:
        yield f"obs['{column.name}'] holds one batch only, '{sizes.index[0]}'. Integration needs two or more."
    small = sizes[sizes < MIN_CELLS]
    if len(small):
        listed = _some(f"'{name}' ({n})" for name, n in small.items())
        yield f"batches of fewer than {MIN_CELLS} cells: {listed}. Remove them or join them with others."
    if batches is not None:
        yield from _order_problems(column.name, set(sizes.index), [str(name) for name in batches])


def _order_problems(key: str, found: set[str], named: Sequence[str]) -> Iterator[str]:
    if unknown := sorted(found.difference(named)):
        yield f"obs['{key}'] holds unexpected batches {_some(map(repr, unknown))}. Expected: {_some(map(repr, named))}."
    if absent := [name for name in named if name not in found]:
        yield f"obs['{key}'] lacks the batches {_some(map(repr, absent))}. Found: {_some(map(repr, sorted(found)))}."


def _notes(adata: AnnData) -> Iterator[str]:
    totals = np.asarray(adata.X.sum(axis=1, dtype=np.float64)).ravel()
    if n := int(np.sum(totals == 0)):
        yield f"{n:,} {'cell has' if n == 1 else 'cells have'} no counts; kept, all values 0."
    if _values(adata.X).max(initial=0) > EXACT_IN_FLOAT32:
        yield f"counts above {EXACT_IN_FLOAT32:,} are kept rounded to float32."


def _some(items: Iterable[object], limit: int = 5) -> str:
    """The first items, and how many more there are."""
    texts = [str(item) for item in items]
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more:,} more" if more > 0 else "")
