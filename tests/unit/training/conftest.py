import numpy as np
import pytest
import torch


@pytest.fixture
def domains():
    """Two small domains that overlap, shapes (60, 8) and (90, 8), float64."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 8)) * 2, rng.normal(size=(90, 8)) * 2 + 0.5


@pytest.fixture(autouse=True)
def _global_generators_untouched():
    """No test of the trainer may move a global generator."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """For every test of the trainer."""
