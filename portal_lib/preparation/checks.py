"""Checks of the input: all problems in one message, each with what was found, what is allowed, and a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib._text import some
from portal_lib.errors import DataError
from portal_lib.preparation.columns import (
    as_categorical,
    batch_problems,
    column_problems,
    combined,
    known_batch_problems,
    label_notes,
    label_problems,
    labels_of,
    raise_problems,
)
from portal_lib.preparation.order import AS_THEY_COME, order_of, order_problems
from portal_lib.preparation.reading.names import Names
from portal_lib.preparation.reading.rows import Rows, rows_of
from portal_lib.preparation.reading.sources import Source, open_source

if TYPE_CHECKING:
    import scipy.sparse as sp
    from anndata import AnnData

    from portal_lib.preparation.passes import Passes

# Above this, float32 cannot represent every whole number.
EXACT_IN_FLOAT32 = 2**24
# No cell has exp(20) counts: smaller fractional values are taken for logarithms.
LARGEST_LOGARITHM = 20.0
# Fractions without a common total, as from RSEM, salmon or background removal.
ESTIMATED = "estimated counts"


def check_input(
    data: AnnData | Source | str,
    *,
    batch_key: str | Sequence[str],
    label_key: str | None = None,
    unlabelled: Sequence[object] = (),
    layer: str | None = None,
    mod: str | None = None,
    batches: Sequence[str] | None = None,
    data_name: str = "the data",
    config_key: str | None = None,
) -> list[str]:
    """Check that data can be prepared; used for files of the user and for registered data sets alike.

    Parameters
    ----------
    data
        Raw counts, cells × genes, in any form that :func:`portal_lib.preparation.reading.sources.open_source` accepts;
        not changed.
    batch_key, label_key
        Columns of obs; None for no labels. The batches of several columns are their combinations.
    unlabelled
        Values of the label column that mean "no label", in addition to missing values.
    layer
        Where the counts are: None for X, the name of a layer, or ``"raw"``.
    mod
        As in :func:`portal_lib.preparation.reading.sources.open_source`.
    batches
        Names of all batches, if they are known in advance.
    data_name
        Name of the data in messages, such as the file name.
    config_key
        Place of the data set in the configuration (``datasets[0]``), for hints that name the setting.

    Returns
    -------
    Notes on unusual but valid input.

    Raises
    ------
    DataError
        All problems in one message: no cells or genes; no such layer; X missing, or not counts (NaN, infinite,
        negative, fractional); cell or gene names that occur twice; a column that is missing, a batch that is; no label
        at all; only one batch, a batch of fewer than 10 cells, or one that `batches` does not name.
    """
    keys = [*listed(batch_key), label_key]
    with opened(data, layer=layer, mod=mod, keys=keys, data_name=data_name, config_key=config_key) as source:
        seen = check_source(
            source,
            batch_key=batch_key,
            label_key=label_key,
            unlabelled=unlabelled,
            batches=batches,
            data_name=data_name,
            config_key=config_key,
        )
    return seen.notes()


def check_new_cells(
    adata: AnnData,
    *,
    batch_key: str,
    batches: Sequence[str],
    genes: Sequence[str] | np.ndarray,
    layer: str | None = None,
    data_name: str = "the data",
) -> None:
    """Check that cells can be projected onto principal components of other cells.

    Parameters are those of :func:`check_input`, except:

    batches
        Names of the known batches; not all need to occur.
    genes
        Names of the required genes.

    Raises
    ------
    DataError
        All problems in one message: those of :func:`check_input` that apply, unknown batches, and missing genes.
    """
    with opened(adata, layer=layer, keys=[batch_key], data_name=data_name) as source:
        problems = list(_shape_problems(source))
        if not problems:
            problems += _matrix_problems(source, scan(source), None, genes)
            problems += known_batch_problems(source.obs, batch_key, batches)
    raise_problems(data_name, problems)


def listed(keys: str | Sequence[str]) -> list[str]:
    """One column, or several, as a list."""
    return [keys] if isinstance(keys, str) else list(keys)


def opened(
    data: object, *, layer: str | None, keys: Sequence[str | None], data_name: str, config_key: str | None = None, **how
):
    """Open a source of counts as a context manager; the message about a missing layer starts with `data_name`."""
    if isinstance(data, Source):
        return nullcontext(data)
    try:
        return open_source(
            data, layer=layer, keys=[key for key in keys if key is not None], config_key=config_key, **how
        )
    except DataError as error:
        raise DataError(f"{data_name}: {error}" if hasattr(data, "obs") else str(error)) from None


def check_source(
    source: Source,
    *,
    batch_key: str | Sequence[str],
    label_key: str | None = None,
    unlabelled: Sequence[object] = (),
    batches: Sequence[str] | None = None,
    order: str | Sequence[str | int] = AS_THEY_COME,
    reference: str | int | None = None,
    data_name: str = "the data",
    config_key: str | None = None,
    passes: Passes | None = None,
) -> Scan:
    """Read all counts once and raise every problem as :func:`check_input` does.

    Parameters are those of :func:`check_input`, `order` and `reference` of
    :func:`portal_lib.preparation.order.order_of`, and `passes`, which reads and times the chunks of a preparation.

    Returns
    -------
    Sums of the counts per batch, so that they need not be read again for these.
    """
    problems, keys = list(_shape_problems(source)), listed(batch_key)
    if not problems:
        setting = f"{config_key}.batch" if config_key else "batch_key"
        key, of_batches = " · ".join(keys), []
        if len(keys) > 1:
            of_batches = [p for one in keys for p in column_problems(source.obs, one, setting, source.names)]
            source.obs = source.obs if of_batches else source.obs.assign(**{key: combined(source.obs, keys)})
        of_batches = of_batches or list(batch_problems(source.obs, key, batches, config_key, source.names))
        batch = None if of_batches else as_categorical(source.obs[key], batches)
        if batch is not None:
            names = list(batch.categories)
            of_batches = list(order_problems(order, reference, names, _setting(config_key)))
            sizes = dict(zip(names, np.bincount(batch.codes, minlength=len(names)).tolist(), strict=True))
            batch = batch if of_batches else batch.reorder_categories(order_of(sizes, order, reference))
        chunks = None if passes is None or source.rows is None else passes.counts("sums and checks")
        seen = scan(source, batch, chunks=chunks)
        problems += _matrix_problems(source, seen, config_key)
        problems += of_batches
        if label_key is not None:
            setting = f"{config_key}.label" if config_key else "label_key"
            problems += label_problems(source.obs, label_key, setting, unlabelled)
        if label_key in keys:
            problems.append(f"batch and label are the same column, '{label_key}'. Name two columns.")
    raise_problems(data_name, problems)
    seen.batch_columns = [as_categorical(source.obs[key]) for key in keys] if len(keys) > 1 else []
    if label_key is not None:
        seen.label = labels_of(source.obs, label_key, unlabelled)
        seen.of_label = label_notes(seen.label, label_key, f"{_setting(config_key)}unlabelled")
    return seen


@dataclass
class Scan:
    """Results of one pass over all counts.

    Parameters
    ----------
    batch
        Batch of each cell; one batch for all where the batch key cannot be used.
    totals
        Counts of each cell over all genes that its own file measured, shape (n_cells,).
    total, squares
        Sums of the counts and of their squares, shape (n_batches, n_genes). Exact for whole numbers.
    n_odd
        Stored values that are not counts: fractional, negative, NaN or infinite.
    n_above
        Counts too large for float32 to represent exactly.
    batch_columns
        The columns whose combinations are the batches; empty where it is one column.
    label
        Label of each cell, missing where it has none; None without labels.
    of_label
        Notes on the labels.
    """

    batch: pd.Categorical
    totals: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    n_odd: int = 0
    n_above: int = 0
    batch_columns: Sequence[pd.Categorical] = ()
    label: pd.Categorical | None = None
    of_label: Sequence[str] = ()

    def notes(self) -> list[str]:
        """Unusual but valid input."""
        notes = []
        if n := int(np.sum(self.totals == 0)):
            notes.append(f"{n:,} {'cell has' if n == 1 else 'cells have'} no counts; kept, all values 0.")
        if self.n_above:
            notes.append(f"counts above {EXACT_IN_FLOAT32:,} are kept rounded to float32.")
        return [*notes, *self.of_label]


def scan(source: Source, batch: pd.Categorical | None = None, *, chunks: Iterable[sp.csr_matrix] | None = None) -> Scan:
    """Sum all counts per batch and count invalid values.

    Parameters
    ----------
    source
        The counts. A matrix whose shape does not fit its names is not read.
    batch
        Batch of each cell; None for a single batch.
    chunks
        The chunks of its rows, if the caller reads them.
    """
    from portal_lib.preparation.kernels import add_moments

    n_cells, n_genes = source.shape
    batch = pd.Categorical.from_codes(np.zeros(n_cells, np.int8), ["all"]) if batch is None else batch
    total, squares = np.zeros((2, len(batch.categories), n_genes))
    seen = Scan(batch, np.zeros(n_cells), total, squares)
    code, start = batch.codes.astype(np.int32), 0
    if source.rows is None or source.rows.shape != source.shape:
        return seen
    for rows in source.rows.chunks() if chunks is None else chunks:
        here = slice(start, start + rows.shape[0])
        n_odd, n_above = _count_odd(rows.data)
        seen.n_odd, seen.n_above, start = seen.n_odd + n_odd, seen.n_above + n_above, here.stop
        with np.errstate(over="ignore"):
            values = rows.data.astype(np.float32, copy=False)
        add_moments(rows.indptr, rows.indices, values, code[here], total, squares, seen.totals[here])
    if source.rows.dropped is not None:
        seen.totals += source.rows.dropped
    return seen


def _count_odd(values: np.ndarray) -> tuple[int, int]:
    """Number of values that are not counts, and of counts too large for float32."""
    from portal_lib.preparation.kernels import count_odd

    if values.dtype.kind == "f":
        wide = values if values.dtype.itemsize >= 4 else values.astype(np.float32)
        return count_odd(wide.astype(wide.dtype.newbyteorder("="), copy=False), EXACT_IN_FLOAT32)
    negative = int(np.count_nonzero(values < 0)) if values.dtype.kind == "i" else 0
    return negative, int(np.count_nonzero(values > EXACT_IN_FLOAT32)) if values.dtype.itemsize > 2 else 0


def holds_counts(matrix: object) -> bool:
    """Whether a matrix, in memory or on disk, contains raw counts: non-negative whole numbers, not all 0."""
    rows, any_at_all = rows_of(matrix), False
    if rows is None:
        return False
    with closing(rows):
        for chunk in rows.chunks():
            if _count_odd(chunk.data)[0]:
                return False
            any_at_all = any_at_all or bool(chunk.data.any())
    return any_at_all


def look_at(rows: Rows | None) -> tuple[bool, str]:
    """Whether a matrix contains raw counts, and what its values look like, in words; None is no matrix of numbers."""
    if rows is None:
        return False, "is not a dense, CSR or CSC matrix of numbers"
    n_cells, n_genes = rows.shape
    n_positive, largest = 0, 0.0
    for chunk in rows.chunks():
        if _count_odd(chunk.data)[0]:
            return False, _describe("", rows).strip()
        n_positive, largest = n_positive + int(np.count_nonzero(chunk.data)), max(largest, chunk.data.max(initial=0))
    if not n_positive:
        return False, "contains only zeros"
    share = n_positive / (n_cells * n_genes)
    return True, f"contains counts: whole numbers up to {largest:,.0f}, {share:.1%} of them above 0 ({rows.dtype})"


def _shape_problems(source: Source) -> Iterator[str]:
    for n, what in zip(source.shape, ("cells", "genes"), strict=True):
        if n == 0:
            yield f"it has no {what} (shape {source.shape[0]} × {source.shape[1]}, cells × genes)."


def _matrix_problems(
    source: Source, seen: Scan, config_key: str | None, needed: Sequence[str] | np.ndarray = ()
) -> Iterator[str]:
    """Problems of the counts, and of the names of cells and genes."""
    if found := _count_problem(source, seen):
        rounded = f"numpy.rint rounds {ESTIMATED}. " if ESTIMATED in found else ""
        needs = "Raw counts are needed: whole numbers, none negative."
        yield f"{found}. {needs} {rounded}{_counts_elsewhere(source, config_key)}"
    yield from _same_cells(source, seen)
    yield from _name_problems(source.names, source.genes)
    yield from _gene_problems(source.genes, needed)


def _count_problem(source: Source, seen: Scan) -> str:
    """The problem of the matrix, or an empty text."""
    if source.rows is None:
        missing = f"{source.place} is missing"
        found = f"{source.place} is {source.found}, not a dense, CSR or CSC matrix of numbers"
        return found if source.found else missing
    if source.rows.shape != source.shape:
        of_matrix, of_names = (f"{n} × {m}" for n, m in (source.rows.shape, source.shape))
        return f"{source.place} has shape {of_matrix}, but the names are those of {of_names}"
    if seen.n_odd and source.parts:
        odd = [(name, part) for name, part in source.parts if part.rows is not None and _is_odd(part.rows)]
        return "; ".join(f"{name}: {_describe(part.place, part.rows)}" for name, part in odd if part.rows is not None)
    if seen.n_odd:
        return _describe(source.place, source.rows)
    return "" if seen.total.any() else f"{source.place} contains only zeros"


def _is_odd(counts: Rows) -> bool:
    """Whether a matrix has a value that is not a count."""
    return any(_count_odd(rows.data)[0] for rows in counts.chunks())


def _describe(place: str, counts: Rows) -> str:
    """Why the values are not counts, and what they most likely are."""
    n_cells, size = counts.shape[0], np.prod(counts.shape)
    n_bad, n_negative, n_fractional, lowest, largest = 0, 0, 0, 0.0, 0.0
    for rows in counts.chunks():
        finite = rows.data[np.isfinite(rows.data)]
        n_bad, n_negative = n_bad + rows.data.size - finite.size, n_negative + int(np.count_nonzero(finite < 0))
        lowest = min(lowest, finite.min(initial=0))
        fractional = _fractional_rows(rows)
        n_fractional, largest = n_fractional + fractional.shape[0], max(largest, fractional.data.max(initial=0))
    if n_bad:
        return f"{place} contains values that are NaN or infinite ({n_bad:,} of {size:,})"
    if n_negative:
        looks = f"lowest {lowest:.4g}; {n_negative:,} of {size:,}"
        return f"{place} contains negative values ({looks}): it looks scaled or corrected"
    # Of several batches in one matrix, some may be counts.
    where = f" in {n_fractional:,} of {n_cells:,} cells" if 2 * n_fractional < n_cells else ""
    kind = _fractional_kind(counts, largest)
    return f"{place} contains fractions{where} (largest value {largest:.4g}): it looks {kind}"


def _fractional_rows(rows: sp.csr_matrix) -> sp.csr_matrix:
    """The cells that have a fraction among their values."""
    of_row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    with np.errstate(invalid="ignore"):
        odd = np.unique(of_row[rows.data % 1 != 0])
    return rows[odd]


def _fractional_kind(counts: Rows, largest: float) -> str:
    """The most likely normalisation of the cells with fractions, of which none is negative."""
    if largest > LARGEST_LOGARITHM:
        total = _common_total(counts, np.asarray)
        return f"normalised (every cell sums to {total:,.0f})" if total else f"normalised, or like {ESTIMATED}"
    total = _common_total(counts, np.expm1)
    return f"log-normalised (log1p of counts per {total:,.0f})" if total else "log-transformed"


def _common_total(counts: Rows, undo: Callable[[np.ndarray], np.ndarray]) -> float | None:
    """The sum that all cells with fractions share within 1 %, after `undo`; None if the sums differ."""
    sums = []
    for rows in counts.chunks():
        rows = _fractional_rows(rows).astype(np.float64)
        rows.data = undo(rows.data)
        sums.append(np.asarray(rows.sum(axis=1)).ravel())
    totals = np.concatenate(sums)
    totals = totals[totals > 0]
    return float(np.median(totals)) if totals.size > 1 and np.ptp(totals) < 0.01 * np.median(totals) else None


def _counts_elsewhere(source: Source, config_key: str | None) -> str:
    """Hint: the layers that contain counts, or that none does."""
    if source.parts:
        return _counts_of_files(source.parts, config_key)
    names = _with_counts(source)
    if not names:
        return "No layer and no raw.X contains counts either."
    found = ", ".join(map(_place_of, names))
    return f"Found in {found}: set {_setting(config_key)}layer to '{names[0]}'."


def _counts_of_files(parts: Sequence[tuple[str, Source]], config_key: str | None) -> str:
    """The same for several files: a layer that has counts in all of them, or where each has them."""
    found = {name: _with_counts(part) for name, part in parts}
    for layer in dict.fromkeys(layer for layers in found.values() for layer in layers):
        if all(layer in layers for layers in found.values()):
            return f"Found in {_place_of(layer)} of all files: set {_setting(config_key)}layer to '{layer}'."
    here = [name for name, part in parts if part.rows is not None and not _is_odd(part.rows)]
    words = [f"{name} has counts in {_place_of(layers[0])}" for name, layers in found.items() if layers]
    words += [f"{name} has counts in {dict(parts)[name].place}" for name in here if not found[name]]
    none = [name for name in found if name not in here and not found[name]]
    words += [f"{some(none)} has counts nowhere"] if none else []
    move = "" if none else " Store the counts of all files in the same place."
    return f"{'; '.join(words)}.{move}"


def _with_counts(source: Source) -> list[str]:
    """The layers that contain counts; ``counts`` first, raw last."""
    order = sorted(source.others, key=lambda name: (name == "raw", name != "counts"))
    return [name for name in order if holds_counts(source.others[name])]


def _place_of(layer: str) -> str:
    return "raw.X" if layer == "raw" else f"layers['{layer}']"


def _same_cells(source: Source, seen: Scan) -> Iterator[str]:
    """Files that hold the same cells: most cells of one name have the same total as well."""
    if source.same_names is None:
        return
    first, second = source.same_names
    same = (seen.totals[first] == seen.totals[second]) & (seen.totals[first] > 0)
    if same.sum() > 2 and same.mean() > 0.5:
        ends = np.cumsum([part.shape[0] for _, part in source.parts])
        of_file = np.searchsorted(ends, [first[same][0], second[same][0]], side="right")
        files = " and ".join(source.parts[number][0] for number in sorted(of_file))
        yield (
            f"{files} hold the same cells: {int(same.sum()):,} cells have the same name and the same total counts "
            "in more than one file. List each cell in one file."
        )


def _setting(config_key: str | None) -> str:
    """Prefix of a setting in the configuration; empty for an argument."""
    return f"{config_key}." if config_key else ""


def _name_problems(cells: Names, genes: pd.Index) -> Iterator[str]:
    for names, what, function in (
        (cells, "cell", "obs_names_make_unique"),
        (Names.of(genes), "gene", "var_names_make_unique"),
    ):
        if twice := names.repeated():
            have = f"{what} name occurs" if len(twice) == 1 else f"{what} names occur"
            yield f"{len(twice):,} {have} more than once: {some(map(repr, twice))}. adata.{function}() renames them."


def _gene_problems(found: pd.Index, needed: Sequence[str] | np.ndarray) -> Iterator[str]:
    names = pd.Index(needed)
    if len(absent := names[~names.isin(found)]):
        yield (
            f"{len(absent):,} of the {len(names):,} genes that are needed are absent: {some(map(repr, absent))}. "
            f"Genes are matched by name; here they are called {some(map(repr, found), 3)}. Keep all genes of the new "
            "cells, named as in the data of the fit."
        )
