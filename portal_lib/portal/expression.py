"""Gene expression from the principal-component scores of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib.errors import ConfigError, DataError, ShapeError

if TYPE_CHECKING:
    import h5py
    from numpy.typing import ArrayLike

KINDS = ("log_normalised", "scaled")
CHUNK = 1024


def harmonised_expression(
    scores: np.ndarray,
    *,
    loadings: ArrayLike,
    centre: ArrayLike,
    mean: ArrayLike | None = None,
    sd: ArrayLike | None = None,
    batch: ArrayLike | pd.Categorical | None = None,
    kind: str = "log_normalised",
    chunk: int = CHUNK,
    out: np.ndarray | h5py.Dataset | None = None,
) -> np.ndarray:
    """Reconstruct gene expression from component scores.

    Parameters
    ----------
    scores
        Component scores in the space of one data set, such as `data_Aspace`, shape (n_cells, n_pcs). Cells are rows;
        memory maps are read in chunks.
    loadings, centre
        Of the components, shapes (n_genes, n_pcs) and (n_genes,): ``varm["PCs"]`` and ``var["pca_mean"]`` of prepared
        data.
    mean, sd
        Mean and standard deviation of log-normalised values that genes were scaled with: columns of
        ``varm["scale_mean"]`` and ``varm["scale_sd"]``. Shape (n_genes,): those of one data set for all cells, so that
        expression is as this data set would have measured it. Shape (n_genes, n_batches) with `batch`: those of each
        cell's own data set. Not needed for ``"scaled"``.
    batch
        Column of `mean` and `sd` for each cell, shape (n_cells,): integers from 0, or a categorical with the categories
        in the order of the columns.
    kind
        ``"log_normalised"`` (log1p of counts per 10⁴) or ``"scaled"`` (standard deviations from the mean).
    chunk
        Cells at a time. Bounds memory; results agree up to rounding.
    out
        Array of float32 to write into and to return, such as a memory map or a data set of an HDF5 file, shape
        (n_cells, n_genes); None makes one.

    Returns
    -------
    Expression of the genes of `loadings`, shape (n_cells, n_genes), float32, rows in the order of `scores`.

    Raises
    ------
    ShapeError
        Shapes of the arguments do not match, or `out` has another shape or precision than the result.
    DataError
        A value is not a number or not finite, or `batch` has missing values or values that are not columns.
    ConfigError
        `kind` is unknown, `chunk` is below 1, or `mean`, `sd` and `batch` do not match.

    Notes
    -----
    scaled = Y Vᵀ + m with scores Y, loadings V, centre m; log-normalised = scaled · sd + mean, per gene.
    Limits: only genes of the components are available; variation outside the components is lost, so that cells are
    smoothed; values that were clipped at 10 standard deviations stay clipped; values below 0 occur.
    Departs from upstream, where all cells get the mean and sd of the first data set: those of each cell's own, or of
    any one data set, can be chosen.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022).
    """
    if kind not in KINDS or chunk < 1:
        raise ConfigError(
            f"harmonised_expression: kind {kind!r}, chunk {chunk}: the kind must be one of {', '.join(KINDS)}, "
            "the chunk at least 1."
        )
    loadings, centre = _numbers(loadings, "loadings"), _numbers(centre, "centre")
    shape = _check_components(np.shape(scores), loadings, centre)
    if kind == "log_normalised":
        means, sds, column = _standardisation(mean, sd, batch, shape)
    out = _check_out(out, shape)
    starts = range(0, shape[0], chunk)
    # All scores are checked before anything is written.
    for start in starts:
        _numbers(scores[start : start + chunk], "scores", start)
    for start in starts:
        part = _numbers(scores[start : start + chunk], "scores") @ loadings.T + centre
        if kind == "log_normalised":
            own = column[start : start + chunk]
            part *= sds[own]
            part += means[own]
        out[start : start + chunk] = part
    return out


def _numbers(x: ArrayLike, name: str, first_row: int = 0) -> np.ndarray:
    """Finite float64."""
    try:
        values = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"harmonised_expression: {name}: cannot be read as numbers ({error}).") from None
    bad = ~np.isfinite(values)
    if bad.any():
        row = first_row + np.argwhere(bad)[0][0]
        raise DataError(f"harmonised_expression: {name}: values that are NaN or infinite, the first in row {row}.")
    return values


def _check_components(shape: tuple[int, ...], loadings: np.ndarray, centre: np.ndarray) -> tuple[int, int]:
    """Shape of the result."""
    if len(shape) != 2 or loadings.ndim != 2 or shape[1] != loadings.shape[1] or centre.shape != loadings.shape[:1]:
        raise ShapeError(
            f"harmonised_expression: scores have shape {shape}, loadings {loadings.shape}, centre {centre.shape}; "
            "expected (n_cells, n_pcs), (n_genes, n_pcs), (n_genes,). Cells are rows."
        )
    return shape[0], loadings.shape[0]


def _standardisation(
    mean: ArrayLike | None, sd: ArrayLike | None, batch: ArrayLike | pd.Categorical | None, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and sd with data sets as rows, and the row of each cell; all cells have the first row without `batch`."""
    if mean is None or sd is None:
        raise ConfigError("harmonised_expression: log-normalised values need mean and sd; kind 'scaled' does not.")
    mean, sd = _numbers(mean, "mean"), _numbers(sd, "sd")
    if mean.shape != sd.shape or mean.ndim not in (1, 2) or len(mean) != shape[1]:
        raise ShapeError(
            f"harmonised_expression: mean has shape {mean.shape}, sd {sd.shape}, for {shape[1]} genes; "
            "expected (n_genes,), or (n_genes, n_batches) with batch."
        )
    if (mean.ndim == 2) != (batch is not None):
        raise ConfigError(
            f"harmonised_expression: mean and sd have shape {mean.shape} and batch is "
            f"{'not given' if batch is None else 'given'}. Give one column of them, such as mean[:, 0], to use "
            "those of one data set, or all columns with batch for those of each cell's own."
        )
    if batch is None:
        return mean[None], sd[None], np.zeros(shape[0], np.intp)
    return mean.T, sd.T, _columns(batch, shape[0], mean.shape[1])


def _columns(batch: ArrayLike | pd.Categorical, n_cells: int, n_batches: int) -> np.ndarray:
    """Column of each cell."""
    given = pd.Series(batch)
    if isinstance(given.dtype, pd.CategoricalDtype):
        if len(given.cat.categories) != n_batches:
            raise DataError(
                f"harmonised_expression: batch has {len(given.cat.categories)} categories, mean and sd "
                f"{n_batches} columns; expected the same number, in the same order."
            )
        given = given.cat.codes
    columns = given.to_numpy()
    if columns.shape != (n_cells,):
        raise ShapeError(
            f"harmonised_expression: {len(columns)} values of batch for {n_cells} cells; expected one each."
        )
    if columns.dtype.kind not in "iu" or ((columns < 0) | (columns >= n_batches)).any():
        raise DataError(
            f"harmonised_expression: batch must contain integers from 0 to {n_batches - 1}, columns of mean and sd, "
            "or be a categorical without missing values."
        )
    return columns.astype(np.intp)


def _check_out(out: np.ndarray | h5py.Dataset | None, shape: tuple[int, int]) -> np.ndarray | h5py.Dataset:
    if out is None:
        return np.empty(shape, np.float32)
    if tuple(out.shape) != shape or out.dtype != np.float32:
        raise ShapeError(
            f"harmonised_expression: out is {out.dtype} of shape {tuple(out.shape)}; "
            f"the result is float32 of shape {shape}."
        )
    return out
