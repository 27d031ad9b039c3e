"""Neighbours and sums of distances on a GPU, if there is one and torch is installed."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from portal_lib.metrics._distances import DistanceSums

CHUNK_BYTES = 256 * 2**20


def device():
    """``"cuda"`` where this process may use a GPU, else None.

    Importing torch takes seconds and hundreds of MiB, so it is done only where the driver has created a device file.
    """
    if not _device_files() or find_spec("torch") is None:
        return None
    return "cuda" if _torch().cuda.is_available() else None


def nearest(embedding, n_neighbors, device):
    """As :func:`~portal_lib.metrics._neighbors.exact_neighbors` of all rows, on a torch device."""
    torch = _torch()
    found = [torch.topk(d, n_neighbors, largest=False) for d in _distances(embedding, device)]
    distances, indices = (torch.cat(parts).cpu().numpy() for parts in zip(*found, strict=True))
    return indices, distances


def distance_sums(embedding, label, batch, device):
    """As :func:`~portal_lib.metrics._distances.distance_sums`, on a torch device."""
    torch = _torch()
    n_labels, n_batches = int(label.max()) + 1, int(batch.max()) + 1
    member = torch.zeros(len(label), n_labels * n_batches, dtype=torch.float64, device=device)
    member[torch.arange(len(label)), torch.as_tensor(label * n_batches + batch)] = 1
    groups = torch.cat([d @ member for d in _distances(embedding, device)]).cpu().numpy()
    groups = groups.reshape(len(label), n_labels, n_batches)
    return DistanceSums(groups.sum(axis=2), groups.sum(axis=1), groups[np.arange(len(label)), label])


def _distances(embedding, device):
    """Distances of some rows to all cells, chunk by chunk; 0 between a cell and itself."""
    torch = _torch()
    points = torch.as_tensor(embedding - embedding.mean(axis=0), dtype=torch.float64, device=device)
    squares = (points**2).sum(dim=1)
    for rows in torch.arange(len(points), device=device).split(max(1, CHUNK_BYTES // (8 * len(points)))):
        found = torch.addmm(squares[rows, None] + squares, points[rows], points.T, alpha=-2)
        found = found.clamp_(min=0).sqrt_()
        found[torch.arange(len(rows), device=device), rows] = 0
        yield found


def _torch():
    """torch, which is optional: environments that score do not need it."""
    return import_module("torch")


def _device_files():
    """Files that the driver creates, one for each GPU; under WSL one for all."""
    return [*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("dxg")]
