import numpy as np
import pytest
import torch

from portal_lib.training.networks import PairedMLP, discriminator, draw_normal, encoder, generator
from portal_lib.training.objectives.portal import Portal


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def drawn(module, seed=0):
    draw_normal(module, 0.1, torch.Generator().manual_seed(seed))
    return module


@pytest.mark.parametrize(
    ("network", "published"),
    [
        (encoder(30, 20, 512), 26_132),
        (generator(30, 20, 512), 26_142),
        (discriminator(30, 512), 279_041),
    ],
)
def test_parameters_per_domain(network, published):
    assert n_parameters(network) == 2 * published


def test_parameters_of_portal():
    assert n_parameters(Portal().build(30, 30, torch.Generator())) == 662_630


def test_weights_and_biases_are_normal_whatever_the_fan_in():
    networks = Portal().build(30, 30, torch.Generator().manual_seed(1))
    for name, parameter in networks.named_parameters():
        values = parameter.detach().numpy().ravel()
        if values.size >= 500:
            assert values.std() == pytest.approx(0.1, rel=5 / np.sqrt(2 * values.size)), name
            assert abs(values.mean()) < 5 * 0.1 / np.sqrt(values.size), name


def test_a_pair_is_two_separate_perceptrons():
    network = drawn(PairedMLP((4, 7, 6, 3)))
    x = torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    out = network(x).detach().numpy()
    for domain in range(2):
        h = x[domain].numpy()
        layers = [
            (w[domain].detach().numpy(), b[domain].detach().numpy()) for w, b in zip(*lists(network), strict=True)
        ]
        for weight, bias in layers[:-1]:
            h = np.maximum(h @ weight + bias, 0)
        expected = h @ layers[-1][0] + layers[-1][1]
        np.testing.assert_allclose(out[domain], expected, rtol=1e-12)
        np.testing.assert_allclose(network.one(x[domain], domain).detach().numpy(), expected, rtol=1e-12)


def lists(network):
    return list(network.weights), list(network.biases)


def test_discriminator_output_is_clamped_without_gradient_beyond():
    network = drawn(discriminator(4, 8))
    x = 1e4 * torch.randn(2, 50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    x.requires_grad_()
    scores = network(x)
    assert scores.abs().max() == 50
    (gradient,) = torch.autograd.grad(scores.sum(), x)
    clamped = (scores.abs() == 50).squeeze(-1)
    assert clamped.any()
    assert (gradient[clamped] == 0).all()
