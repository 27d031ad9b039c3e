"""Random numbers of a training: generators, and the cells of each batch."""

from collections.abc import Iterator

import numpy as np
import torch


def generators(seed: int) -> tuple[torch.Generator, torch.Generator]:
    """Two independent CPU generators: one for initial weights, one for batches.

    They are on the CPU, so that a seed gives the same weights and batches on every device.
    """
    states = np.random.SeedSequence(seed).generate_state(2, dtype=np.uint64)
    weights, batches = (torch.Generator().manual_seed(int(state)) for state in states)
    return weights, batches


def uniform_batches(
    n_a: int, n_b: int, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Row numbers of one batch per domain, endlessly.

    Yields
    ------
    Two int64 tensors of length `batch_size`: rows of domain A, drawn first, then rows of domain B. Uniform, with
    replacement, so a domain may have fewer cells than a batch, and a step costs the same whatever the number of cells.
    """
    while True:
        rows_a = torch.randint(n_a, (batch_size,), generator=generator)
        rows_b = torch.randint(n_b, (batch_size,), generator=generator)
        yield rows_a, rows_b
