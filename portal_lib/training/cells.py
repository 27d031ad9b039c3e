"""The cells of a domain: checked once when they enter the trainer, then sampled from memory, a file or the GPU."""

import zlib
from collections.abc import Iterator

import numpy as np
import torch

from portal_lib.errors import ConfigError, DataError, ShapeError

CHUNK = 65_536
# Share of the free memory of a GPU that components may take.
_RESIDENT = 0.5


def as_cells(x, name: str, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """Check one domain and return it as an array.

    Parameters
    ----------
    x
        Array-like of numbers, shape (n_cells, n_features). Cells are rows. Arrays of floating-point numbers, including
        memory maps, are returned unchanged: they are never written to and never copied as a whole, even if their
        precision is not `dtype`. Anything else is read into memory and converted.
    name
        Its name in error messages.
    dtype
        ``torch.float32`` or ``torch.float64``; values must be finite in this precision.

    Raises
    ------
    ShapeError
        `x` is not two-dimensional, or has no columns.
    DataError
        `x` has no cells, is not numeric, or has values that are not finite in `dtype`.
    ConfigError
        `dtype` is neither.
    """
    if dtype not in _NUMPY:
        raise ConfigError(f"dtype is {dtype}, must be torch.float32 or torch.float64.")
    try:
        cells = x if isinstance(x, np.ndarray) else np.asarray(x)
        if cells.dtype.kind != "f":
            cells = cells.astype(_NUMPY[dtype])
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: cannot be read as numbers ({error}).") from None
    if cells.ndim != 2 or cells.shape[1] == 0:
        raise ShapeError(f"{name}: has shape {cells.shape}; expected (n_cells, n_features). Cells are rows.")
    if len(cells) == 0:
        raise DataError(f"{name}: has no cells.")
    _check_finite(cells, name, dtype)
    return cells


def chunks_of(cells: np.ndarray, dtype: torch.dtype, size: int = CHUNK) -> Iterator[np.ndarray]:
    """Consecutive rows as contiguous arrays of a precision; one chunk is in memory at a time."""
    for start in range(0, len(cells), size):
        with np.errstate(over="ignore"):
            yield np.require(cells[start : start + size], _NUMPY[dtype], ["C", "W"])


def checksum(cells: np.ndarray, dtype: torch.dtype) -> int:
    """CRC-32 of the values in a precision."""
    value = 0
    for part in chunks_of(cells, dtype):
        value = zlib.crc32(part.data, value)
    return value


def _check_finite(cells, name, dtype):
    n_bad, first = 0, None
    for i, part in enumerate(chunks_of(cells, dtype)):
        # If the sum is finite, so are all terms; unlike isfinite of the values it needs no temporary array.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(part.sum(dtype=np.float64)):
                continue
        bad = ~np.isfinite(part)
        n_bad += int(bad.sum())
        if first is None and bad.any():
            row, column = np.argwhere(bad)[0]
            first = f"the first in row {i * CHUNK + row}, column {column}"
    if n_bad:
        raise DataError(f"{name}: {n_bad} of {cells.size} values are NaN or infinite, {first}.")


class Domain:
    """The cells of one domain, from which batches are drawn: on the device if they fit there, else on the host.

    Parameters
    ----------
    cells
        From :func:`as_cells`.
    dtype
        Precision of the batches.
    device
        Device of the batches. On the CPU rows are read from the array or memory map itself.
    resident
        Whether to copy all cells to the GPU; None decides by its free memory.
    """

    def __init__(self, cells: np.ndarray, dtype: torch.dtype, device: torch.device, resident: bool | None = None):
        self._cells, self._dtype, self._device = cells, dtype, device
        self._on_device = None
        if device.type == "cuda" and (resident or (resident is None and self._fits())):
            self._on_device = torch.empty(cells.shape, dtype=dtype, device=device)
            for i, part in enumerate(chunks_of(cells, dtype)):
                self._on_device[i * CHUNK : i * CHUNK + len(part)] = torch.from_numpy(part).to(device)

    def _fits(self):
        free, _ = torch.cuda.mem_get_info(self._device)
        return self._cells.size * self._dtype.itemsize < _RESIDENT * free

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows of the domain on the device; `rows` is on the CPU, the result has shape (*rows.shape, n_features)."""
        if self._on_device is not None:
            return self._on_device[rows.pin_memory().to(self._device, non_blocking=True)]
        with np.errstate(over="ignore"):
            batch = torch.from_numpy(self._cells[rows.numpy()].astype(_NUMPY[self._dtype], copy=False))
        if self._device.type == "cuda":
            return batch.pin_memory().to(self._device, non_blocking=True)
        return batch


_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}
