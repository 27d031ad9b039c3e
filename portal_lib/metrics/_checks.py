"""Checks of the scored data, once, at the boundary."""

import numpy as np

from portal_lib.errors import DataError, NotApplicable, ShapeError


def given(part, reason):
    """The part itself; NotApplicable with the reason where it is None."""
    if part is None:
        raise NotApplicable(reason)
    return part


def finite_matrix(values, name, shape=(None, None)):
    """A float64 matrix with contiguous rows and at least one column; None in `shape` allows any length.

    Raises
    ------
    DataError
        A value is not finite.
    ShapeError
        Not a matrix, or of another shape.
    """
    values = np.ascontiguousarray(values, dtype=np.float64)
    fits = values.ndim == 2 and all(wanted in (None, n) for n, wanted in zip(values.shape, shape, strict=True))
    if not fits or values.shape[1] == 0:
        expected = " × ".join("any" if length is None else str(length) for length in shape)
        raise ShapeError(f"{name} has shape {values.shape}; expected {expected}. Cells are rows.")
    if not np.isfinite(values).all():
        raise DataError(f"{name} has values that are not finite, {int((~np.isfinite(values)).sum())} of {values.size}")
    return values
