"""The check that arrays of cells pass once, where they enter the trainer."""

from __future__ import annotations

import numpy as np
import torch

from portal_lib.errors import ConfigError, DataError, ShapeError


def as_cells(x, name: str, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """Check one domain and return it as a C-contiguous array.

    Parameters
    ----------
    x
        Array-like of numbers, shape (n_cells, n_features). Never written to; copied only if it must be converted.
    name
        How error messages call it.
    dtype
        ``torch.float32`` or ``torch.float64``.

    Raises
    ------
    ShapeError
        `x` is not two-dimensional, or has no columns.
    DataError
        `x` has no cells, is not numeric, or has values that are not finite in `dtype`.
    ConfigError
        `dtype` is another one.
    """
    if dtype not in _NUMPY:
        raise ConfigError(f"dtype is {dtype}, must be torch.float32 or torch.float64.")
    try:
        with np.errstate(over="ignore"):
            cells = np.require(x, dtype=_NUMPY[dtype], requirements=["C", "W"])
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: cannot be read as numbers ({error}).") from None
    if cells.ndim != 2 or cells.shape[1] == 0:
        raise ShapeError(f"{name}: has shape {cells.shape}; expected (n_cells, n_features). Cells are rows.")
    if len(cells) == 0:
        raise DataError(f"{name}: has no cells.")
    bad = ~np.isfinite(cells)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{name}: {bad.sum()} of {cells.size} values are NaN or infinite, the first in row {row}, column {column}."
        )
    return cells


_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}
