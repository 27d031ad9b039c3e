"""Checks of input: every problem found at once, each with what was found, what is allowed, and a hint."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

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


class Counts(NamedTuple):
    """The matrix that is to hold counts, names of its columns, and what messages call it."""

    matrix: object
    genes: pd.Index
    place: str


def find_counts(adata: AnnData, layer: str | None = None) -> Counts:
    """X, the layer of that name, or for ``"raw"`` the matrix of `raw` with its own genes, unless a layer has that name.

    The layer is taken for granted: :func:`check_input` and :func:`check_new_cells` say where it is absent.
    """
    if layer is None:
        return Counts(adata.X, adata.var_names, "X")
    if layer in adata.layers:
        return Counts(adata.layers[layer], adata.var_names, f"layers['{layer}']")
    return Counts(adata.raw.X, adata.raw.var_names, "raw.X")


def check_input(
    adata: AnnData,
    *,
    batch_key: str,
    label_key: str | None = None,
    layer: str | None = None,
    batches: Sequence[str] | None = None,
    where: str = "the data",
    entry: str | None = None,
) -> list[str]:
    """Check that data can be prepared; the same checks for own files and for the data sets of the registry.

    Parameters
    ----------
    adata
        Raw counts, cells × genes; left as it is.
    batch_key, label_key
        Columns of obs; None for no labels.
    layer
        Where the counts are, as in :func:`find_counts`.
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
        All problems in one message: no cells or genes; no such layer; X missing, or not counts (NaN, infinite,
        negative, fractional); cell or gene names that occur twice; a column that is missing or has empty values; only
        one batch, a batch of fewer than 10 cells, or one that `batches` does not name.
    """
    problems = list(_shape_problems(adata))
    if not problems:
        problems += _matrix_problems(adata, layer, entry)
        problems += batch_problems(adata.obs, batch_key, batches, entry)
        problems += _label_problems(adata.obs, batch_key, label_key, entry)
    raise_problems(where, problems)
    return list(_notes(find_counts(adata, layer).matrix))


def check_new_cells(
    adata: AnnData,
    *,
    batch_key: str,
    batches: Sequence[str],
    genes: Sequence[str],
    layer: str | None = None,
    where: str = "the data",
) -> None:
    """Check that cells can be brought to components that were made from other cells.

    Parameters are those of :func:`check_input`, except:

    batches
        Names of the batches that are known; not all need occur.
    genes
        Names of the genes that are needed.

    Raises
    ------
    DataError
        All problems in one message: those of :func:`check_input` that apply, a batch that is not known, and genes
        that are absent.
    """
    problems = list(_shape_problems(adata))
    if not problems:
        problems += _matrix_problems(adata, layer, None, genes)
        problems += known_batch_problems(adata.obs, batch_key, batches)
    raise_problems(where, problems)


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


def _matrix_problems(adata: AnnData, layer: str | None, entry: str | None, needed: Sequence[str] = ()) -> Iterator[str]:
    """Problems of the counts, and of the names of cells and genes."""
    if absent := list(_layer_problems(adata, layer, entry)):
        yield from absent
        return
    counts = find_counts(adata, layer)
    yield from _count_problems(adata, counts, entry)
    yield from _name_problems(adata.obs_names, counts.genes)
    yield from _gene_problems(counts.genes, needed)


def _layer_problems(adata: AnnData, layer: str | None, entry: str | None) -> Iterator[str]:
    raw = ["raw"] if adata.raw is not None else []
    if layer is not None and layer not in [*adata.layers, *raw]:
        found = ", ".join([*sorted(adata.layers), *raw]) or "no layers"
        yield f"has no layer '{layer}'{near(layer, [*adata.layers, *raw])} Found: {found}. Set {_setting(entry)}layer."


def _count_problems(adata: AnnData, counts: Counts, entry: str | None) -> Iterator[str]:
    """At most one problem of the matrix, with the place where counts were found instead."""
    matrix, place = counts.matrix, counts.place
    if matrix is None:
        found = f"{place} is missing"
    elif (values := _values(matrix)) is None:
        found = f"{place} is {type(matrix).__name__}, not a dense, CSR or CSC matrix of numbers in memory"
    else:
        found = _describe(matrix, values, place) or ("" if values.any() else f"{place} holds only zeros")
    if not found:
        return
    if adata.isbacked:
        yield f"{found}. The object is in backed mode: adata.to_memory() reads it."
    else:
        yield f"{found}. Raw counts are needed: whole numbers, none negative. {_counts_elsewhere(adata, entry)}"


def _describe(matrix: object, values: np.ndarray, place: str = "X") -> str:
    """Why the values are not counts, and what they look like; empty if they may be counts."""
    if values.dtype.kind in "bui" and (values.dtype.kind in "bu" or values.min(initial=0) >= 0):
        return ""
    size = np.prod(matrix.shape)
    if (n := values.size - np.count_nonzero(np.isfinite(values))) > 0:
        return f"{place} holds values that are NaN or infinite ({n:,} of {size:,})"
    if (lowest := values.min(initial=0)) < 0:
        n = np.count_nonzero(values < 0)
        return f"{place} holds negative values (lowest {lowest:.4g}; {n:,} of {size:,}): it looks scaled or corrected"
    whole = np.count_nonzero(values == np.floor(values))
    if whole < values.size:
        return (
            f"{place} holds fractions (largest value {values.max():.4g}): it looks {_fractional_kind(matrix, values)}"
        )
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
    return f"Found in {', '.join(found)}: set {_setting(entry)}layer to '{names[0]}'."


def _setting(entry: str | None) -> str:
    """What stands before the name of a setting in the configuration; nothing where it is an argument."""
    return f"{entry}." if entry else ""


def _name_problems(cells: pd.Index, genes: pd.Index) -> Iterator[str]:
    for names, what, function in (
        (cells, "cell", "obs_names_make_unique"),
        (genes, "gene", "var_names_make_unique"),
    ):
        if (twice := names[names.duplicated()].unique()).size:
            have = f"{what} name occurs" if len(twice) == 1 else f"{what} names occur"
            yield f"{len(twice):,} {have} more than once: {some(map(repr, twice))}. adata.{function}() renames them."


def _gene_problems(found: pd.Index, needed: Sequence[str]) -> Iterator[str]:
    needed = pd.Index(needed)
    if len(absent := needed[~needed.isin(found)]):
        yield (
            f"{len(absent):,} of the {len(needed):,} genes that are needed are absent: {some(map(repr, absent))}. "
            f"Genes are matched by name; here they are called {some(map(repr, found), 3)}. Keep all genes of the new "
            "cells, named as in the data of the fit."
        )


def batch_problems(
    obs: pd.DataFrame, batch_key: str, batches: Sequence[str] | None = None, entry: str | None = None
) -> Iterator[str]:
    """Problems of the column of batches, and of the batches if the column is complete."""
    problems = list(_one_column(obs, batch_key, f"{entry}.batch" if entry else "batch_key"))
    yield from problems or _batch_problems(obs[batch_key].astype(str), batches)


def known_batch_problems(obs: pd.DataFrame, batch_key: str, batches: Sequence[str]) -> Iterator[str]:
    """Problems of the column of batches where each must be one of `batches`, and not all need occur."""
    problems = list(_one_column(obs, batch_key, "batch_key"))
    yield from problems
    if not problems and (unknown := sorted(set(obs[batch_key].astype(str)).difference(batches))):
        known = some(map(repr, batches), 20)
        yield f"obs['{batch_key}'] holds batches {some(map(repr, unknown))} that are not known. Known: {known}."


def _label_problems(obs: pd.DataFrame, batch_key: str, label_key: str | None, entry: str | None) -> Iterator[str]:
    if label_key is not None:
        yield from _one_column(obs, label_key, f"{entry}.label" if entry else "label_key")
    if batch_key == label_key:
        yield f"batch and label are the same column, '{batch_key}'. Name two columns."


def near(name: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` where a known name is near, else a full stop."""
    near = difflib.get_close_matches(str(name), [str(other) for other in known], n=1)
    return f", did you mean '{near[0]}'?" if near else "."


def _one_column(obs: pd.DataFrame, key: str, setting: str) -> Iterator[str]:
    if key not in obs.columns:
        found = some(obs.columns, 20) or "no columns"
        yield f"obs has no column '{key}'{near(key, obs.columns)} Found: {found}. Set {setting}."
        return
    missing = obs[key].isna().to_numpy() | (obs[key].astype(str).str.strip() == "").to_numpy()
    if n := int(missing.sum()):
        cells = some(map(repr, obs.index[missing]))
        yield f"obs['{key}'] is empty for {n:,} of {len(obs):,} cells: {cells}. Fill in or remove these cells."


def _batch_problems(column: pd.Series, batches: Sequence[str] | None) -> Iterator[str]:
    sizes = column.value_counts(sort=False)
    if len(sizes) == 1:
        yield f"obs['{column.name}'] holds one batch only, '{sizes.index[0]}'. Integration needs two or more."
    small = sizes[sizes < MIN_CELLS]
    if len(small):
        listed = some(f"'{name}' ({n})" for name, n in small.items())
        yield f"batches of fewer than {MIN_CELLS} cells: {listed}. Remove them or join them with others."
    if batches is not None:
        yield from _order_problems(column.name, set(sizes.index), [str(name) for name in batches])


def _order_problems(key: str, found: set[str], named: Sequence[str]) -> Iterator[str]:
    if twice := sorted({name for name in named if named.count(name) > 1}):
        yield f"batches name {some(map(repr, twice))} more than once. Name each batch once."
    if unknown := sorted(found.difference(named)):
        yield f"obs['{key}'] holds unexpected batches {some(map(repr, unknown))}. Expected: {some(map(repr, named))}."
    if absent := [name for name in named if name not in found]:
        yield f"obs['{key}'] lacks the batches {some(map(repr, absent))}. Found: {some(map(repr, sorted(found)))}."


def _notes(matrix: object) -> Iterator[str]:
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    if n := int(np.sum(totals == 0)):
        yield f"{n:,} {'cell has' if n == 1 else 'cells have'} no counts; kept, all values 0."
    if _values(matrix).max(initial=0) > EXACT_IN_FLOAT32:
        yield f"counts above {EXACT_IN_FLOAT32:,} are kept rounded to float32."


def some(items: Iterable[object], limit: int = 5) -> str:
    """The first items, and how many more there are."""
    texts = [str(item) for item in items]
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more:,} more" if more > 0 else "")
