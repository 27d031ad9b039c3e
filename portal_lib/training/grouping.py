"""Rows of several data sets in one array: split by data set and restored without a second copy in memory."""

import mmap
import tempfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from portal_lib.errors import DataError

CHUNK = 65_536
# Interleaved rows of more bytes are sorted into a temporary file.
LARGE = 2**26


def rows_of_groups(codes: np.ndarray, n_groups: int) -> list[slice | np.ndarray]:
    """Row numbers of each group, increasing.

    Parameters
    ----------
    codes
        Number of the group of each row, shape (n_rows,).
    n_groups
        How many there are; one may be empty.

    Returns
    -------
    One per group: a slice if its rows are consecutive, so that they can be used without a copy, else an array.
    """
    found = [np.flatnonzero(codes == code) for code in range(n_groups)]
    return [_as_slice(rows) for rows in found]


def _as_slice(rows: np.ndarray) -> slice | np.ndarray:
    if len(rows) == 0:
        return slice(0, 0)
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def group_rows(x: np.ndarray, groups: Sequence[slice | np.ndarray], large: int = LARGE) -> list[np.ndarray]:
    """The rows of each group as an array of its own.

    Parameters
    ----------
    x
        Shape (n_rows, n_features); an array or a memory map.
    groups
        From :func:`rows_of_groups`.
    large
        Bytes. Rows that must be copied are kept in memory up to this size, above it in a temporary file that is mapped
        and is removed with the arrays; unlike memory, its pages can be released (:func:`release_pages`).

    Returns
    -------
    Views of `x` if the rows of every group are consecutive.

    Raises
    ------
    DataError
        The temporary file cannot be written.
    """
    if all(isinstance(rows, slice) for rows in groups):
        return [x[rows] for rows in groups]
    if x.nbytes <= large:
        return [np.asarray(x[rows]) for rows in groups]
    with tempfile.TemporaryFile(prefix="portal-rows-") as file:
        try:
            _write_groups(file, x, groups)
        except OSError as error:
            folder = tempfile.gettempdir()
            size = f"{x.nbytes / 1e6:,.0f} MB"
            raise DataError(
                f"{folder}: cannot write a temporary file of {size} with the components ({error.strerror})."
            ) from error
        together = np.memmap(file, x.dtype, "r", shape=(sum(map(_size, groups)), *x.shape[1:]))
    return np.split(together, np.cumsum([_size(rows) for rows in groups])[:-1])


def _write_groups(file: BinaryIO, x: np.ndarray, groups: Sequence[slice | np.ndarray]) -> None:
    for rows in groups:
        numbers = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        for start in range(0, len(numbers), CHUNK):
            file.write(np.ascontiguousarray(x[numbers[start : start + CHUNK]]).data)
            release_pages(x)
    file.flush()


def ungroup_rows(grouped: np.ndarray, groups: Sequence[slice | np.ndarray]) -> None:
    """Move grouped rows back to their places, in place; column by column, so that there is no copy.

    Parameters
    ----------
    grouped
        Shape (n_rows, n_features), the groups one after the other. Changed.
    groups
        From :func:`rows_of_groups`; every row is in one of them.
    """
    if all(isinstance(rows, slice) for rows in groups):
        starts = [rows.start for rows in groups if isinstance(rows, slice) and _size(rows)]
        if starts == sorted(starts):
            return
    places = np.concatenate([np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows for rows in groups])
    for column in grouped.T:
        column[places] = column.copy()


def release_pages(x: np.ndarray) -> None:
    """Release the pages of a read-only memory map, which otherwise count as memory of this process.

    The file is not modified; pages are read again when needed. Other arrays are unaffected.
    """
    array: Any = x
    while isinstance(array, np.ndarray):
        # A private map that was written to would lose its changes.
        base: Any = array.base
        read_only = isinstance(array, np.memmap) and array.mode == "r" and isinstance(base, mmap.mmap)
        if read_only and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)
        array = base


def _size(rows: slice | np.ndarray) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)
