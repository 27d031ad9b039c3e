import numpy as np
import pytest
import torch

from portal_lib.training.networks import (
    PairedMLP,
    _no_gradient_where_zero_,
    discriminator,
    draw_normal,
    encoder,
    generator,
    set_products,
)
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


@pytest.mark.parametrize("frozen", [False, True])
def test_the_written_out_gradient_is_the_gradient(frozen):
    network = drawn(PairedMLP((3, 5, 4, 2)))
    x = torch.randn(2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: network(x, frozen=frozen), x)
    parameters = list(network.parameters())

    def by_parameters(*values):
        return torch.func.functional_call(network, dict(zip(dict(network.named_parameters()), values, strict=True)), x)

    assert torch.autograd.gradcheck(by_parameters, parameters)


def test_weights_of_a_frozen_pass_get_no_gradient():
    network = drawn(PairedMLP((3, 5, 2)))
    x = torch.ones(2, 4, 3, dtype=torch.float64, requires_grad=True)
    found = torch.autograd.grad(network(x, frozen=True).sum(), [x, *network.parameters()], allow_unused=True)
    assert [gradient is None for gradient in found] == [False, True, True, True, True]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_no_gradient_passes_where_relu_gave_zero(dtype):
    hidden = torch.randn(50, 40, generator=torch.Generator().manual_seed(5)).relu().to(dtype)
    hidden[0, :4] = torch.tensor([0.0, 1e-38, 3e38, float("inf")])
    gradient = torch.randn(50, 40, generator=torch.Generator().manual_seed(6)).to(dtype)
    expected = torch.where(hidden > 0, gradient, torch.zeros_like(gradient))
    _no_gradient_where_zero_(gradient, hidden)
    assert torch.equal(gradient, expected)


def test_bfloat16_products_round_and_nothing_else():
    network = drawn(PairedMLP((6, 32, 3))).float()
    x = torch.randn(2, 9, 6, generator=torch.Generator().manual_seed(7))
    exact = network(x)
    set_products(network, torch.bfloat16)
    rounded = network(x)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.02 * exact.abs().max()
    set_products(network, None)
    assert torch.equal(network(x), exact)
