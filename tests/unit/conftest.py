import pytest
import torch


@pytest.fixture
def one_thread():
    """At the sizes of unit tests a second thread only waits, and long on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
