import numpy as np
import pytest

from portal_lib._parameters import defaults_of
from portal_lib.errors import ConfigError
from portal_lib.portal.parameters import PortalParameters, checked_parameters

WRONG = {
    "lambda_cos": [-1, np.nan, np.inf, "twenty", [], [1, -1], ["search"], None, True, {}],
    "lambda_grid": [[], [1, 1], "15", 15, [-1], [np.nan]],
    "training_steps": [0, 1.5, "10", True],
    "batch_size": [0, None, 10.0],
    "n_latent": [0, None],
    "n_pcs": [-3, "30"],
    "n_top_genes": [0, 4e3],
    "margin": [-0.1, None, np.nan],
    "lambda_ae": [-1, "10"],
    "lambda_la": [np.inf, [10]],
    "learning_rate": [0, -1e-3, np.nan],
    "space": ["Latent", 1],
    "seed": [-1, 0.5, 2**63, None],
    "precision": ["float16", None],
}


def test_the_defaults_pass_and_stay():
    defaults = defaults_of(PortalParameters)
    assert checked_parameters(**defaults) == defaults
    assert set(WRONG) == set(defaults) - {"device"}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_what_is_out_of_range_is_named_with_what_is_allowed(name, value):
    with pytest.raises(ConfigError) as caught:
        checked_parameters(**{name: value})
    assert str(caught.value).startswith(f"{name} is {value!r}; allowed: ")


def test_plain_values_come_out_that_a_file_can_hold():
    given = {"lambda_cos": (np.float32(15), 30), "seed": np.uint8(3), "margin": 5, "training_steps": np.int64(7)}
    made = checked_parameters(**given)
    assert made == {"lambda_cos": [15.0, 30.0], "seed": 3, "margin": 5.0, "training_steps": 7}
    assert [type(value) for value in made.values()] == [list, int, float, int]
    assert {type(value) for value in made["lambda_cos"]} == {float}


def test_a_grid_that_nothing_searches_is_refused():
    with pytest.raises(ConfigError, match="lambda_grid is given, but nothing is searched"):
        checked_parameters(lambda_cos=20.0, lambda_grid=[15, 30])
    assert checked_parameters(lambda_cos="search", lambda_grid=[15, 30])["lambda_grid"] == [15.0, 30.0]


def test_all_problems_come_at_once_in_the_order_given():
    with pytest.raises(ConfigError) as caught:
        checked_parameters(seed=-1, n_pcs=30, space="here")
    assert str(caught.value) == (
        "PortalModel has 2 problems\n  seed is -1; allowed: a whole number of at least 0.\n"
        "  space is 'here'; allowed: 'latent', 'reference', None."
    )
