import numpy as np
import pytest
import torch
from made_data import made_domains


@pytest.fixture
def domains():
    return made_domains()


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
