import numpy as np
import pytest

from portal_lib.training.inference import latent, translate
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.outputs import Outputs
from portal_lib.training.trainer import fit


@pytest.fixture
def networks(domains):
    return fit(Portal(n_latent=3, hidden=16), *domains, steps=3, batch_size=20, precision="float64").networks


def test_outputs_follow_their_formulas(networks, domains):
    x_a, x_b = domains
    outputs = Outputs(networks, x_a, x_b)
    in_latent = np.concatenate([latent(networks, x, domain=of) for x, of in zip(domains, "ab", strict=True)])
    np.testing.assert_allclose(outputs.latent, in_latent, rtol=1e-12)
    in_a = np.concatenate([x_a, translate(networks, x_b, source="b")])
    np.testing.assert_allclose(outputs.data_Aspace, in_a, rtol=1e-12)


def test_unused_outputs_are_not_computed(networks, domains):
    outputs = Outputs(networks, *domains)
    assert outputs.latent is outputs.latent
    assert "data_Aspace" not in vars(outputs)


def test_the_input_is_not_modified(networks, domains):
    before = [x.copy() for x in domains]
    outputs = Outputs(networks, *domains)
    for array in (outputs.latent, outputs.data_Aspace):
        assert not any(np.shares_memory(array, x) for x in domains)
    for x, copy in zip(domains, before, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_the_space_may_begin_with_the_reference_itself(networks, domains):
    """Rows of A are not moved, rows of B are written after them."""
    x_a, x_b = domains
    space = np.full((150, 8), np.nan)
    space[:60] = x_a
    outputs = Outputs(networks, space[:60], x_b, space)
    assert outputs.data_Aspace is space
    np.testing.assert_array_equal(space, Outputs(networks, x_a, x_b).data_Aspace)
