"""Outputs of trained networks for cells: in chunks, without gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from portal_lib.errors import ConfigError, ShapeError
from portal_lib.training.cells import as_cells, chunks_of
from portal_lib.training.device import on_device
from portal_lib.training.grouping import release_pages

CHUNK = 8192


def latent(networks: Any, x, *, domain: str, chunk: int = CHUNK, out: np.ndarray | None = None) -> np.ndarray:
    """Encode cells of one domain: E(x).

    Parameters
    ----------
    networks
        Trained networks, from :func:`portal_lib.training.trainer.fit`; their mode is not changed.
    x
        Features as in training, shape (n_cells, n_features). Cells are rows.
    domain
        The domain `x` comes from, ``"a"`` or ``"b"``.
    chunk
        Cells per forward pass. Bounds memory; results agree up to rounding.
    out
        Array to write into and to return, of the shape of the result and any precision, such as rows of a larger array
        or a memory map; None makes one.

    Returns
    -------
    Latent coordinates, shape (n_cells, n_latent), in the precision of the networks, rows in the order of `x`.

    Raises
    ------
    ShapeError
        `x` has another number of columns than the networks were built for, or `out` another shape than the result.
    DataError
        `x` has no cells, or values that are not finite.
    DeviceMemoryError
        The GPU has too little memory.
    """
    return _in_chunks(networks, x, domain, chunk, out, lambda cells: networks.encode(cells, domain))


def translate(networks: Any, x, *, source: str, chunk: int = CHUNK, out: np.ndarray | None = None) -> np.ndarray:
    """Map cells of one domain into the other: for Portal G_B(E_A(x)) or G_A(E_B(x)).

    Parameters are those of :func:`latent`, with `source` the domain `x` comes from.

    Returns
    -------
    Features in the other domain, shape (n_cells, n_features of that domain), rows in the order of `x`.
    """
    return _in_chunks(networks, x, source, chunk, out, lambda cells: networks.translate(cells, source))


def discriminator_logits(
    networks: Any, x, *, domain: str, chunk: int = CHUNK, out: np.ndarray | None = None
) -> np.ndarray:
    """Logits of the discriminator of a domain.

    Parameters are those of :func:`latent`, except that `x` holds features of `domain`, of cells that were measured in
    it or translated into it.

    Returns
    -------
    Raw logits, shape (n_cells,), within ±50, without the margin; higher is more like a real cell. A translated cell
    below minus the margin has no counterpart in the domain. Departs from upstream: one-dimensional.
    """
    return _in_chunks(networks, x, domain, chunk, out, lambda cells: networks.discriminate(cells, domain)[:, 0])


def _in_chunks(networks, x, domain, chunk, out, function: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    if domain not in ("a", "b") or chunk < 1:
        raise ConfigError(f"domain {domain!r}, chunk {chunk}: the domain must be 'a' or 'b', the chunk at least 1.")
    weight = next(networks.parameters())
    cells = as_cells(x, "x", weight.dtype)
    expected = networks.n_features[domain]
    if cells.shape[1] != expected:
        raise ShapeError(f"x: has {cells.shape[1]} columns; domain {domain!r} has {expected} features. Cells are rows.")
    parts = (torch.from_numpy(part) for part in chunks_of(cells, weight.dtype, chunk))
    with torch.inference_mode(), on_device(weight.device, "Lower chunk, or choose another device."):
        for i, part in enumerate(parts):
            result = function(part.to(weight.device)).cpu().numpy()
            if i == 0:
                out = _check_out(out, (len(cells), *result.shape[1:]), result.dtype)
            out[i * chunk : i * chunk + len(part)] = result
            release_pages(cells)
    return out


def _check_out(out, shape, dtype):
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape:
        raise ShapeError(f"out: has shape {out.shape}; the result has {shape}.")
    return out
