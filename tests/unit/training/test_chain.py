import numpy as np
import pytest

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.training.chain import fit_chain
from portal_lib.training.inference import latent, translate
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

SMALL = Portal(n_latent=3, hidden=16)
SETTINGS = {"steps": 4, "batch_size": 20, "device": "cpu", "precision": "float64", "seed": 1}


@pytest.fixture
def three(domains):
    return [*domains, np.random.default_rng(9).normal(size=(30, 8)) - 1]


def test_every_round_trains_on_the_growing_reference(three):
    """Written out by hand: the reference grows by the translated cells, in the order of the data sets."""
    chain = fit_chain(SMALL, three, lambda_cos=[15, 30], **SETTINGS)
    first = fit(Portal(n_latent=3, hidden=16, lambda_cos=15), three[0], three[1], **SETTINGS).networks
    grown = np.concatenate((three[0], translate(first, three[1], source="b")))
    second = fit(Portal(n_latent=3, hidden=16, lambda_cos=30), grown, three[2], **SETTINGS).networks
    space = np.concatenate((grown, translate(second, three[2], source="b")))
    np.testing.assert_array_equal(chain.data_Aspace, space)
    last = np.concatenate((latent(second, grown, domain="a"), latent(second, three[2], domain="b")))
    np.testing.assert_array_equal(chain.latent, last)


def test_the_first_data_set_never_moves(three):
    chain = fit_chain(SMALL, three, **SETTINGS)
    np.testing.assert_array_equal(chain.data_Aspace[:60], three[0])
    assert chain.data_Aspace.shape == (180, 8)
    assert chain.latent.shape == (180, 3)


def test_two_data_sets_are_one_fit(domains):
    chain = fit_chain(SMALL, domains, **SETTINGS)
    networks = fit(SMALL, *domains, **SETTINGS).networks
    expected = np.concatenate((latent(networks, domains[0], domain="a"), latent(networks, domains[1], domain="b")))
    np.testing.assert_array_equal(chain.latent, expected)


def test_one_lambda_cos_is_for_all_rounds(three):
    one, many = (fit_chain(SMALL, three, lambda_cos=value, **SETTINGS) for value in (np.float64(15), [15, 15]))
    np.testing.assert_array_equal(one.data_Aspace, many.data_Aspace)


def test_order_matters_and_input_is_untouched(three):
    before = [x.copy() for x in three]
    forward = fit_chain(SMALL, three, **SETTINGS).data_Aspace
    back = fit_chain(SMALL, three[::-1], **SETTINGS).data_Aspace
    np.testing.assert_array_equal(back[:30], three[2])
    assert not np.allclose(forward[:60], back[-60:])
    for x, copy in zip(three, before, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_history_names_the_round(three):
    history = fit_chain(SMALL, three, **SETTINGS).history
    assert list(history.columns) == ["round", "step", "player", "term", "value"]
    assert history["round"].unique().tolist() == [0, 1]


def test_what_is_wrong_is_said_before_training(three):
    with pytest.raises(ConfigError, match="1 data set"):
        fit_chain(SMALL, three[:1], **SETTINGS)
    with pytest.raises(ConfigError, match="lambda_cos has 3 values for 2 rounds"):
        fit_chain(SMALL, three, lambda_cos=[1, 2, 3], **SETTINGS)
    with pytest.raises(ShapeError, match=r"\[8, 8, 5\] features"):
        fit_chain(SMALL, [*three[:2], three[2][:, :5]], **SETTINGS)
    three[2][0, 0] = np.nan
    with pytest.raises(DataError, match=r"domains\[2\]: 1 of 240 values"):
        fit_chain(SMALL, three, **SETTINGS)
