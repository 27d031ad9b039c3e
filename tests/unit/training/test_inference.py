import numpy as np
import pytest

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.training.inference import discriminator_logits, latent, translate
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

FUNCTIONS = [
    lambda nets, x, **k: latent(nets, x, domain="b", **k),
    lambda nets, x, **k: translate(nets, x, source="a", **k),
    lambda nets, x, **k: discriminator_logits(nets, x, domain="b", **k),
]


@pytest.fixture
def networks(domains):
    objective = Portal(n_latent=3, hidden=16)
    return fit(objective, *domains, steps=3, batch_size=20, device="cpu", precision="float64").networks


def mlp(paired, domain, x):
    layers = [(w[domain].numpy(), b[domain].numpy()) for w, b in zip(paired.weights, paired.biases, strict=True)]
    for weight, bias in layers[:-1]:
        x = np.maximum(x @ weight + bias, 0)
    return x @ layers[-1][0] + layers[-1][1]


def test_against_plain_numpy(networks, domains):
    x_a, x_b = domains
    e, g, d = networks.encoder, networks.generator, networks.discriminator
    x_ab = mlp(g, 1, mlp(e, 0, x_a))
    for got, expected in [
        (latent(networks, x_a, domain="a"), mlp(e, 0, x_a)),
        (latent(networks, x_b, domain="b"), mlp(e, 1, x_b)),
        (translate(networks, x_a, source="a"), x_ab),
        (translate(networks, x_b, source="b"), mlp(g, 0, mlp(e, 1, x_b))),
        (discriminator_logits(networks, x_ab, domain="b"), mlp(d, 1, x_ab)[:, 0].clip(-50, 50)),
    ]:
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("chunk", [1, 7, 60, 1000])
def test_chunk_size_does_not_change_the_result(networks, domains, function, chunk):
    np.testing.assert_allclose(
        function(networks, domains[0], chunk=chunk), function(networks, domains[0]), rtol=1e-11, atol=1e-12
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_rows_are_independent_and_input_is_not_modified(networks, domains, function):
    before = domains[0].copy()
    order = np.random.default_rng(0).permutation(60)
    permuted = function(networks, domains[0][order])
    np.testing.assert_allclose(permuted, function(networks, domains[0])[order], rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(domains[0], before)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_another_width_is_refused(networks, domains, function):
    with pytest.raises(ShapeError, match=r"x: has 5 columns; domain '[ab]' has 8 features"):
        function(networks, domains[0][:, :5])
    with pytest.raises(DataError, match="x: has no cells"):
        function(networks, domains[0][:0])


def test_an_unknown_domain_is_refused(networks, domains):
    with pytest.raises(ConfigError, match="domain 'c'"):
        latent(networks, domains[0], domain="c")
