"""What trained networks say about cells: in chunks, without gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from portal_lib.errors import ConfigError, ShapeError
from portal_lib.training.cells import as_cells

CHUNK = 8192


def latent(networks: nn.Module, x, *, domain: str, chunk: int = CHUNK) -> np.ndarray:
    """Encode cells of one domain: E(x).

    Parameters
    ----------
    networks
        Trained networks, from :func:`portal_lib.training.trainer.fit`; left in the mode they are in.
    x
        Features as in training, shape (n_cells, n_features). Cells are rows.
    domain
        The domain `x` comes from, ``"a"`` or ``"b"``.
    chunk
        Cells per forward pass. Bounds memory; results agree to rounding.

    Returns
    -------
    Latent coordinates, shape (n_cells, n_latent), in the precision of the networks, rows in the order of `x`.

    Raises
    ------
    ShapeError
        `x` has another number of columns than the networks were built for.
    DataError
        `x` has no cells, or values that are not finite.
    """
    return _in_chunks(networks, x, domain, chunk, lambda cells: networks.encode(cells, domain))


def translate(networks: nn.Module, x, *, source: str, chunk: int = CHUNK) -> np.ndarray:
    """Map cells of one domain into the other: for Portal G_B(E_A(x)) or G_A(E_B(x)).

    Parameters are those of :func:`latent`, with `source` the domain `x` comes from.

    Returns
    -------
    Features in the other domain, shape (n_cells, n_features of that domain), rows in the order of `x`.
    """
    return _in_chunks(networks, x, source, chunk, lambda cells: networks.translate(cells, source))


def reconstruct(networks: nn.Module, x, *, domain: str, chunk: int = CHUNK) -> np.ndarray:
    """Encode cells and generate them again in their own domain: G(E(x)).

    Parameters are those of :func:`latent`.

    Returns
    -------
    Features, shape of `x`, rows in the order of `x`.
    """
    return _in_chunks(
        networks, x, domain, chunk, lambda cells: networks.generate(networks.encode(cells, domain), domain)
    )


def discriminator_scores(networks: nn.Module, x, *, domain: str, chunk: int = CHUNK) -> np.ndarray:
    """How real cells look to the discriminator of a domain.

    Parameters are those of :func:`latent`, except that `x` lies in the space of `domain`, whether its cells were
    measured there or translated into it.

    Returns
    -------
    Raw logits, shape (n_cells,), within ±50, without the margin; higher is more real. A translated cell below minus the
    margin has no counterpart in the domain. Departs from upstream: one-dimensional.
    """
    return _in_chunks(networks, x, domain, chunk, lambda cells: networks.discriminate(cells, domain))[:, 0]


def _in_chunks(networks, x, domain, chunk, function: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    if domain not in ("a", "b") or chunk < 1:
        raise ConfigError(f"domain {domain!r}, chunk {chunk}: the domain must be 'a' or 'b', the chunk at least 1.")
    weight = next(networks.parameters())
    cells = as_cells(x, "x", weight.dtype)
    expected = networks.n_features[domain]
    if cells.shape[1] != expected:
        raise ShapeError(f"x: has {cells.shape[1]} columns; domain {domain!r} has {expected} features. Cells are rows.")
    result = None
    with torch.inference_mode():
        for start in range(0, len(cells), chunk):
            part = function(torch.from_numpy(cells[start : start + chunk]).to(weight.device)).cpu().numpy()
            if result is None:
                result = np.empty((len(cells), part.shape[1]), part.dtype)
            result[start : start + chunk] = part
    return result
