import numpy as np
import pytest

from portal_lib.training.inference import discriminator_scores, latent, translate
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.outputs import Outputs
from portal_lib.training.trainer import fit

ALL = ["latent", "data_Aspace", "data_Bspace", "score_Aspace", "score_Bspace"]


@pytest.fixture
def networks(domains):
    return fit(Portal(n_latent=3, hidden=16), *domains, steps=3, batch_size=20, precision="float64").networks


def test_every_output_is_that_of_its_formula(networks, domains):
    x_a, x_b = domains
    x_ab, x_ba = translate(networks, x_a, source="a"), translate(networks, x_b, source="b")
    expected = {
        "latent": [latent(networks, x_a, domain="a"), latent(networks, x_b, domain="b")],
        "data_Aspace": [x_a, x_ba],
        "data_Bspace": [x_ab, x_b],
        "score_Aspace": [discriminator_scores(networks, x, domain="a") for x in (x_a, x_ba)],
        "score_Bspace": [discriminator_scores(networks, x, domain="b") for x in (x_ab, x_b)],
    }
    outputs = Outputs(networks, x_a, x_b)
    for name in ALL:
        np.testing.assert_allclose(getattr(outputs, name), np.concatenate(expected[name]), rtol=1e-12, err_msg=name)


def test_what_is_not_asked_for_is_not_computed(networks, domains):
    outputs = Outputs(networks, *domains)
    assert outputs.score_Bspace is outputs.score_Bspace
    assert set(ALL) & set(vars(outputs)) == {"data_Bspace", "score_Bspace"}


def test_input_is_left_as_it_is(networks, domains):
    before = [x.copy() for x in domains]
    outputs = Outputs(networks, *domains)
    for name in ALL:
        assert not any(np.shares_memory(getattr(outputs, name), x) for x in domains)
    for x, copy in zip(domains, before, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_the_space_may_begin_with_the_reference_itself(networks, domains):
    """And lie on disk: rows of A are not moved, rows of B are written behind them."""
    x_a, x_b = domains
    space = np.full((150, 8), np.nan)
    space[:60] = x_a
    outputs = Outputs(networks, space[:60], x_b, space)
    assert outputs.data_Aspace is space
    np.testing.assert_array_equal(space, Outputs(networks, x_a, x_b).data_Aspace)
