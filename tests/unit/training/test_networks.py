import numpy as np
import pytest
import torch

from portal_lib.training.networks import (
    MLP,
    ConvNet,
    PairedMLP,
    _no_gradient_where_zero_,
    discriminator,
    draw_glorot,
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


def test_weights_and_biases_are_normal_for_any_fan_in():
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
def test_the_gradient_equals_that_of_autograd(frozen):
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


@pytest.mark.parametrize("leak", [0.2, 0.0])
def test_a_single_perceptron_with_leak_equals_torch(leak):
    network = drawn(MLP((4, 7, 6, 3), leak=leak))
    layers = []
    for weight, bias in zip(*lists(network), strict=True):
        linear = torch.nn.utils.skip_init(torch.nn.Linear, *weight.shape[1:], dtype=torch.float64)
        linear.weight.data, linear.bias.data = weight.detach()[0].T.clone(), bias.detach()[0, 0].clone()
        layers += [linear, torch.nn.LeakyReLU(leak)]
    reference = torch.nn.Sequential(*layers[:-1])
    x = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    out, expected = network(x), reference(x)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-14)
    ours = torch.autograd.grad(out.square().sum(), [x, *network.parameters()])
    theirs = torch.autograd.grad(expected.square().sum(), [x, *reference.parameters()])
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-10, atol=1e-14)
    for k in range(3):
        torch.testing.assert_close(ours[1 + k][0], theirs[1 + 2 * k].T, rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(ours[4 + k][0, 0], theirs[2 + 2 * k], rtol=1e-10, atol=1e-14)


def test_a_frozen_perceptron_gives_its_input_a_gradient_and_itself_none():
    network = drawn(MLP((4, 7, 3)))
    x = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    loss = network(x, frozen=True).sum()
    gradients = torch.autograd.grad(loss, [x, *network.parameters()], allow_unused=True)
    assert gradients[0].abs().sum() > 0
    assert all(gradient is None for gradient in gradients[1:])


def test_a_leak_in_bfloat16_is_close_to_that_in_single_precision():
    network = drawn(MLP((6, 32, 3))).float()
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(5))
    single = network(x)
    set_products(network, torch.bfloat16)
    half = network(x)
    assert half.dtype == torch.float32
    assert not torch.equal(half, single)
    torch.testing.assert_close(half, single, rtol=0.05, atol=0.02)


def torch_s(network, n_outputs):
    """The same network of torch's own layers."""
    nn, (height, width) = torch.nn, network._image[1:]
    halve = {"kernel_size": 4, "stride": 2, "padding": 1}
    small = (32, height // 4, width // 4)
    flat = 32 * small[1] * small[2]
    layers = [nn.Unflatten(1, (1, height, width)), nn.Conv2d(1, 16, **halve), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(16, 32, **halve), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(flat, 128), nn.LeakyReLU(0.2)]
    if n_outputs is None:
        layers += [nn.Linear(128, flat), nn.LeakyReLU(0.2), nn.Unflatten(1, small)]
        layers += [nn.ConvTranspose2d(32, 16, **halve), nn.LeakyReLU(0.2), nn.ConvTranspose2d(16, 1, **halve)]
    else:
        layers += [nn.Linear(128, n_outputs)]
    reference = nn.Sequential(*layers, nn.Flatten()).double()
    own = [layer for layer in reference if hasattr(layer, "weight")]
    for layer, weight, bias in zip(own, network.weights, network.biases, strict=True):
        layer.weight.data, layer.bias.data = weight.detach().clone(), bias.detach().clone()
    return reference


@pytest.mark.parametrize("image", [(28, 28), (8, 8), (8, 12)])
@pytest.mark.parametrize("n_outputs", [None, 1])
def test_a_network_for_images_equals_the_layers_of_torch(image, n_outputs):
    network = drawn(ConvNet(image, n_outputs=n_outputs))
    with torch.random.fork_rng():
        reference = torch_s(network, n_outputs)
    pixels = image[0] * image[1]
    x = torch.randn(5, pixels, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    out, expected = network(x), reference(x)
    assert out.shape == (5, pixels if n_outputs is None else 1)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-12)
    (ours,), (theirs,) = (torch.autograd.grad(y.square().sum(), [x]) for y in (out, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    gradients = torch.autograd.grad(network(x, frozen=True).sum(), list(network.parameters()), allow_unused=True)
    assert all(gradient is None for gradient in gradients)


def test_glorot_bounds_of_a_network_for_images():
    network = ConvNet((28, 28))
    draw_glorot(network, torch.Generator().manual_seed(0))
    for weight, bias in zip(*lists(network), strict=True):
        fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(weight)
        bound = np.sqrt(6 / (fan_in + fan_out))
        assert 0.95 * bound < weight.detach().abs().max() <= bound
        assert (bias == 0).all()
