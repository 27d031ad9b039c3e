"""Label transfer by nearest neighbours in a common space."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib.errors import ConfigError, DataError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

METRICS = ("cosine", "euclidean")
# Cells whose neighbours are in memory at a time.
_CHUNK = 4096


def transfer_labels(
    reference: ArrayLike,
    labels: ArrayLike | pd.Categorical,
    query: ArrayLike | pd.DataFrame,
    *,
    k: int = 20,
    metric: str = "cosine",
    threshold: float = 0.0,
    unassigned: str = "unassigned",
) -> pd.DataFrame:
    """Label each query cell with the most frequent label among its nearest reference cells.

    Parameters
    ----------
    reference
        Coordinates of labelled cells, such as the latent space, shape (n_reference, n_dims). Cells are rows.
    labels
        Label of each reference cell, shape (n_reference,), of any type, without missing values; matched by position, an
        index is ignored.
    query
        Coordinates of the cells to label, in the same space, shape (n_query, n_dims).
    k
        Neighbours that vote.
    metric
        ``"cosine"`` or ``"euclidean"``.
    threshold
        Cells whose confidence is lower get `unassigned`; 0 to 1.
    unassigned
        Label of these cells; must not occur in `labels`.

    Returns
    -------
    One row per query cell, in their order: ``label``, and ``confidence``, the share of the `k` neighbours that have the
    most frequent label, from 1 / k to 1, also where the label is `unassigned`. The index is that of `query` if it
    is a DataFrame.

    Raises
    ------
    ConfigError
        `metric` is unknown, `k` or `threshold` is out of range, or `unassigned` is one of the labels
        and `threshold` above 0.
    ShapeError
        Coordinates are not matrices of one width, or there is not one label per reference cell.
    DataError
        A coordinate is not a number or not finite, a label is missing, or, for the cosine, a cell has only zeros.

    Notes
    -----
    Of equally frequent labels the one with the nearest cell is chosen, as published.
    Departs from upstream: the distances of all pairs are never in memory at once; a confidence; fewer than `k`
    reference cells are an error.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022).
    """
    from sklearn.neighbors import NearestNeighbors

    index = query.index if isinstance(query, pd.DataFrame) else None
    reference, query = _coordinates(reference, "reference"), _coordinates(query, "query")
    if reference.shape[1] != query.shape[1]:
        raise ShapeError(
            f"transfer_labels: reference has {reference.shape[1]} columns, query {query.shape[1]}; "
            "both must be in the same space. Cells are rows."
        )
    codes, names = _codes(labels, len(reference))
    _check_settings(k, metric, threshold, unassigned, len(reference), names)
    dtype = np.result_type(reference, query)
    prepared = _unit_length if metric == "cosine" else _as_given
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(prepared(reference, dtype, "reference", 0))
    label, votes = np.empty(len(query), np.intp), np.empty(len(query), np.intp)
    for start in range(0, len(query), _CHUNK):
        cells = prepared(query[start : start + _CHUNK], dtype, "query", start)
        nearest = codes[search.kneighbors(cells, return_distance=False)]
        label[start : start + _CHUNK], votes[start : start + _CHUNK] = _vote(nearest)
    confidence = votes / k
    found = pd.Series(names.take(label), dtype=object).where(confidence >= threshold, unassigned)
    return pd.DataFrame({"label": found.to_numpy(), "confidence": confidence}, index=index)


def _coordinates(x: ArrayLike | pd.DataFrame, name: str) -> np.ndarray:
    try:
        cells = np.asarray(x)
        cells = cells if cells.dtype in (np.float32, np.float64) else cells.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"transfer_labels: {name}: cannot be read as numbers ({error}).") from None
    if cells.ndim != 2 or 0 in cells.shape:
        raise ShapeError(
            f"transfer_labels: {name} has shape {cells.shape}; expected (n_cells, n_dims), at least one of each. "
            "Cells are rows."
        )
    n_bad = sum(np.count_nonzero(~np.isfinite(cells[i : i + _CHUNK])) for i in range(0, len(cells), _CHUNK))
    if n_bad:
        raise DataError(f"transfer_labels: {name}: {n_bad} of {cells.size} values are NaN or infinite.")
    return cells


def _codes(labels: ArrayLike | pd.Categorical, n_cells: int) -> tuple[np.ndarray, pd.Index]:
    """Labels as integers from 0, and the label of each integer."""
    if np.shape(labels) != (n_cells,):
        raise ShapeError(
            f"transfer_labels: labels have shape {np.shape(labels)} for {n_cells} reference cells; expected one each."
        )
    codes, names = pd.factorize(pd.Series(labels))
    if missing := int((codes < 0).sum()):
        raise DataError(f"transfer_labels: {missing} of {n_cells} reference cells have no label. Remove or label them.")
    return codes, pd.Index(names)


def _check_settings(k: int, metric: str, threshold: float, unassigned: str, n_reference: int, names: pd.Index) -> None:
    problems = []
    if metric not in METRICS:
        problems.append(f"metric {metric!r} is not known. Allowed: {', '.join(METRICS)}.")
    if not (isinstance(k, numbers.Integral) and 1 <= int(k) <= n_reference):
        problems.append(f"k is {k}, must be a whole number from 1 to {n_reference}, the number of reference cells.")
    if not 0 <= threshold <= 1:
        problems.append(f"threshold is {threshold}, must be 0 to 1.")
    if threshold > 0 and unassigned in names:
        problems.append(f"unassigned is {unassigned!r}, which is one of the labels. Choose another name.")
    if problems:
        raise ConfigError("transfer_labels: " + " ".join(problems))


def _as_given(cells: np.ndarray, dtype: np.dtype, _name: str, _start: int) -> np.ndarray:
    return np.ascontiguousarray(cells, dtype=dtype)


def _unit_length(cells: np.ndarray, dtype: np.dtype, name: str, start: int) -> np.ndarray:
    """Rows of length 1: for these, order by euclidean distance is order by cosine."""
    cells = cells.astype(np.float64)
    norms = np.linalg.norm(cells, axis=1, keepdims=True)
    if (zero := np.flatnonzero(norms == 0)).size:
        raise DataError(
            f"transfer_labels: {name}: row {start + zero[0]} contains only zeros, which have no cosine. Use euclidean."
        )
    return (cells / norms).astype(dtype)


def _vote(nearest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Winning code and its votes, of neighbours in order of distance, shape (n_cells, k)."""
    votes = np.zeros(nearest.shape, np.int32)
    for j in range(nearest.shape[1]):
        votes += nearest == nearest[:, [j]]
    # argmax returns the first of equal numbers: the label with the nearest cell.
    first = votes.argmax(axis=1)
    rows = np.arange(len(nearest))
    return nearest[rows, first], votes[rows, first]
