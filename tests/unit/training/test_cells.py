import tracemalloc

import numpy as np
import pytest
import torch

from portal_lib.errors import DataError
from portal_lib.training.cells import CHUNK, Domain, as_cells, checksum
from portal_lib.training.inference import latent
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

CPU = torch.device("cpu")
SMALL = Portal(n_latent=3, hidden=16)


@pytest.fixture
def memory_map(tmp_path, domains):
    def write(x, dtype):
        file = tmp_path / "cells.npy"
        np.save(file, x.astype(dtype))
        return np.load(file, mmap_mode="r")

    return write


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_memory_map_gives_what_the_array_gives(domains, memory_map, dtype):
    mapped = memory_map(domains[0], dtype)
    assert as_cells(mapped, "x") is mapped
    settings = {"steps": 5, "batch_size": 20, "device": "cpu"}
    on_disk, in_memory = (fit(SMALL, x, domains[1], **settings) for x in (mapped, domains[0]))
    assert on_disk.history.equals(in_memory.history)
    np.testing.assert_array_equal(
        latent(on_disk.networks, mapped, domain="a"), latent(in_memory.networks, domains[0], domain="a")
    )


@pytest.mark.parametrize("view", [lambda x: x[:, ::2], lambda x: np.asfortranarray(x), lambda x: x[::-1]])
def test_views_are_not_copied(domains, view):
    cells = view(domains[0])
    assert as_cells(cells, "x") is cells
    rows = torch.tensor([[3, 3], [59, 0]])
    expected = cells[rows.numpy()].astype(np.float32)
    np.testing.assert_array_equal(Domain(cells, torch.float32, CPU).take(rows).numpy(), expected)


def test_integers_are_converted():
    assert as_cells(np.arange(6).reshape(3, 2), "x").dtype == np.float32
    assert as_cells([[1, 2], [3, 4]], "x", torch.float64).dtype == np.float64


def test_the_first_bad_value_is_named_with_row_and_column():
    cells = np.zeros((2 * CHUNK + 10, 2), np.float32)
    cells[CHUNK + 7, 1] = np.nan
    cells[2 * CHUNK + 3, 0] = np.inf
    with pytest.raises(
        DataError, match=f"x: 2 of {cells.size} values are NaN or infinite, the first in row {CHUNK + 7}, column 1"
    ):
        as_cells(cells, "x")
    # Opposite infinities whose sum is not finite, and large values whose sum is.
    with pytest.raises(DataError, match="2 of 4 values"):
        as_cells(np.array([[np.inf, -np.inf], [1, 1]]), "x")
    assert as_cells(np.full((9, 9), 3e38), "x").shape == (9, 9)


def test_the_checksum_depends_on_values_and_not_on_layout():
    cells = np.random.default_rng(0).normal(size=(CHUNK + 5, 3))
    changed = cells.copy()
    changed[-1, -1] += 1e-3
    assert checksum(cells, torch.float32) == checksum(np.asfortranarray(cells), torch.float32)
    assert checksum(cells, torch.float32) != checksum(changed, torch.float32)


def test_memory_does_not_grow_with_the_number_of_cells():
    """Training reads batches, inference chunks; nothing of the size of the data is allocated but the result."""
    peaks = {}
    for n in (20_000, 400_000):
        x = np.random.default_rng(0).normal(size=(n, 4))
        tracemalloc.start()
        trained = fit(SMALL, x, x, steps=2, batch_size=20, device="cpu")
        latent(trained.networks, x, domain="a", out=np.empty((n, 3), np.float32))
        peaks[n] = tracemalloc.get_traced_memory()[1] - 12 * n
        tracemalloc.stop()
    # A copy of the larger one in float32 alone would take 6.4 MB.
    assert peaks[400_000] - peaks[20_000] < 2e6
