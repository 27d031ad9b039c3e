"""Networks: pairs of perceptrons (Portal: one per domain, evaluated together), single ones, convolutions for images."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

SCORE_LIMIT = 50.0


class _Perceptrons(nn.Module):
    """Perceptrons of one shape with separate weights, evaluated together. The last layer is linear.

    Parameters
    ----------
    widths
        Units per layer, the input first.
    copies
        How many.
    leak
        Slope of hidden units below 0: 0 for ReLU, above 0 for Leaky ReLU.
    limit
        Clamp outputs to [-limit, limit]; None for no clamp.

    Attributes
    ----------
    products
        Precision of the matrix products and hidden units, a torch dtype; None for that of the weights. Weights, inputs
        and outputs keep theirs. See :func:`set_products`.

    Notes
    -----
    ``weights[k]`` has shape (copies, inputs, outputs), ``biases[k]`` (copies, 1, outputs). They are created in float64
    and without values: see :func:`draw_normal` and :func:`draw_glorot`.
    """

    def __init__(self, widths: Sequence[int], copies: int, *, leak: float = 0.0, limit: float | None = None):
        super().__init__()
        layers, double = list(pairwise(widths)), torch.float64
        self.weights = nn.ParameterList(torch.empty(copies, n_in, n_out, dtype=double) for n_in, n_out in layers)
        self.biases = nn.ParameterList(torch.empty(copies, 1, n_out, dtype=double) for _, n_out in layers)
        self.leak, self.limit = leak, limit
        self.products: torch.dtype | None = None

    def _run(self, x, parameters, frozen):
        if frozen:
            parameters = [parameter.detach() for parameter in parameters]
        out = _Layers.apply(x, self.products or x.dtype, self.leak, *parameters)
        return out if self.limit is None else out.clamp(-self.limit, self.limit)


class PairedMLP(_Perceptrons):
    """Two perceptrons of one shape with separate weights, one per domain; hidden layers are ReLU.

    One tensor holds the weights of both, index 0 is domain A: a layer is one batched product over both domains.

    Parameters
    ----------
    widths
        Units per layer, the input first.
    limit
        Clamp outputs to [-limit, limit]; None for no clamp.
    """

    def __init__(self, widths: Sequence[int], *, limit: float | None = None):
        super().__init__(widths, 2, limit=limit)

    def forward(self, x: torch.Tensor, *, frozen: bool = False) -> torch.Tensor:
        """Both domains: (2, n, inputs) to (2, n, outputs). The weights of a `frozen` pass get no gradient."""
        return self._run(x, [*self.weights, *self.biases], frozen)

    def one(self, x: torch.Tensor, domain: int) -> torch.Tensor:
        """One domain, 0 or 1: (n, inputs) to (n, outputs)."""
        return self._run(x[None], [p[domain : domain + 1] for p in [*self.weights, *self.biases]], frozen=False)[0]


class MLP(_Perceptrons):
    """One perceptron with Leaky ReLU.

    Parameters
    ----------
    widths
        Units per layer, the input first.
    leak
        Slope of hidden units below 0; 0 for ReLU.
    """

    def __init__(self, widths: Sequence[int], *, leak: float = 0.2):
        super().__init__(widths, 1, leak=leak)

    def forward(self, x: torch.Tensor, *, frozen: bool = False) -> torch.Tensor:
        """(n, inputs) to (n, outputs). The weights of a `frozen` pass get no gradient."""
        return self._run(x[None], [*self.weights, *self.biases], frozen)[0]


class ConvNet(nn.Module):
    """A network for images: convolutions that halve their size, one or two dense layers, convolutions that double it.

    Leaky ReLU between the layers, the last is linear.

    Parameters
    ----------
    image
        Height and width, divisible by 4.
    channels
        After the first and after the second convolution.
    hidden
        Units of the dense layer between.
    n_outputs
        Number of outputs; None for an image of the same size.
    leak
        Slope of hidden units below 0; 0 for ReLU.

    Notes
    -----
    Kernels are 4 × 4 with stride 2. Images are rows of pixels, (n, height · width), row by row. Weights are created in
    float64 and without values: see :func:`draw_glorot`.
    """

    def __init__(self, image, channels=(16, 32), hidden=128, n_outputs: int | None = None, *, leak: float = 0.2):
        super().__init__()
        (height, width), (first, second) = image, channels
        self._image, self._small = (1, height, width), (second, height // 4, width // 4)
        flat = second * (height // 4) * (width // 4)
        shapes = [(first, 1, 4, 4), (second, first, 4, 4), (hidden, flat)]
        if n_outputs is None:
            shapes += [(flat, hidden), (second, first, 4, 4), (first, 1, 4, 4)]
            sizes = [first, second, hidden, flat, first, 1]
        else:
            shapes, sizes = [*shapes, (n_outputs, hidden)], [first, second, hidden, n_outputs]
        self.weights = nn.ParameterList(torch.empty(shape, dtype=torch.float64) for shape in shapes)
        self.biases = nn.ParameterList(torch.empty(size, dtype=torch.float64) for size in sizes)
        self.leak = leak
        self.products: torch.dtype | None = None

    def forward(self, x: torch.Tensor, *, frozen: bool = False) -> torch.Tensor:
        """(n, pixels) to (n, pixels) or (n, n_outputs). The weights of a `frozen` pass get no gradient."""
        products, last = self.products or x.dtype, len(self.weights) - 1
        h = x.to(products).unflatten(1, self._image)
        for k, layer in enumerate(zip(self.weights, self.biases, strict=True)):
            weight, bias = ((p.detach() if frozen else p).to(products) for p in layer)
            if k < 2:
                h = F.conv2d(h, weight, bias, stride=2, padding=1)
            elif weight.dim() == 2:
                h = F.linear(h.flatten(1), weight, bias)
            else:
                h = F.conv_transpose2d(h if h.dim() == 4 else h.unflatten(1, self._small), weight, bias, 2, 1)
            h = F.leaky_relu(h, self.leak) if k < last else h
        return h.flatten(1).to(x.dtype)


class _Layers(torch.autograd.Function):
    """h W + b with ReLU or Leaky ReLU between the layers, products and hidden units in one precision.

    One node of the graph with its own gradient: hidden units are kept in that precision, the gradient through ReLU is
    computed in place, and nothing is computed for inputs or weights that need no gradient.
    """

    @staticmethod
    def forward(ctx, x, products, leak, *parameters):
        n_layers = len(parameters) // 2
        weights = [weight.to(products) for weight in parameters[:n_layers]]
        h, inputs = x.to(products), []
        for k, (weight, bias) in enumerate(zip(weights, parameters[n_layers:], strict=True)):
            inputs.append(h)
            h = torch.baddbmm(bias.to(products), h, weight)
            if k < n_layers - 1:
                _rectify_(h, leak)
        ctx.save_for_backward(*inputs, *weights)
        ctx.needed = ctx.needs_input_grad[0], ctx.needs_input_grad[3]
        ctx.leak = leak
        return h.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        saved, dtype = ctx.saved_tensors, gradient.dtype
        n_layers = len(saved) // 2
        inputs, weights = saved[:n_layers], saved[n_layers:]
        of_x, of_parameters = ctx.needed
        of_weights: list[torch.Tensor | None] = [None] * n_layers
        of_biases: list[torch.Tensor | None] = [None] * n_layers
        g = gradient.to(weights[0].dtype)
        for k in reversed(range(n_layers)):
            if of_parameters:
                of_weights[k] = torch.bmm(inputs[k].mT, g).to(dtype)
                of_biases[k] = g.sum(dim=1, keepdim=True).to(dtype)
            if k > 0 or of_x:
                # With one output the product is an element-wise multiplication, which is faster.
                g = g * weights[k].mT if g.shape[-1] == 1 else torch.bmm(g, weights[k].mT)
            if k > 0:
                _through_hidden_(g, inputs[k], ctx.leak)
        return g.to(dtype) if of_x else None, None, None, *of_weights, *of_biases


def _rectify_(h, leak):
    """Hidden units, in place."""
    if leak:
        F.leaky_relu_(h, leak)
    else:
        _bits(h).clamp_min_(0)


def _through_hidden_(gradient, hidden, leak):
    """The gradient through hidden units, in place. Leaky ReLU keeps the sign, so its result determines the slope."""
    if leak:
        torch.ops.aten.leaky_relu_backward.grad_input(gradient, hidden, leak, True, grad_input=gradient)
    else:
        _no_gradient_where_zero_(gradient, hidden)


def _no_gradient_where_zero_(gradient, hidden):
    """The gradient through ReLU, in place: 0 where it gave 0."""
    gradient, hidden = _bits(gradient), _bits(hidden)
    torch.ops.aten.threshold_backward.grad_input(gradient, hidden, 0, grad_input=gradient)


def _bits(x):
    """bfloat16 on a CPU as integers of the same bits, which have the same sign and the same zero; others unchanged.

    torch converts every bfloat16 number to float32 and back, which takes three to four times as long. The only
    difference is a NaN with the sign bit set, which ReLU turns into 0; the trainer therefore also checks the weights.
    """
    return x.view(torch.int16) if x.dtype is torch.bfloat16 and not x.is_cuda else x


def set_products(module: nn.Module, products: torch.dtype | None) -> None:
    """Set the precision of products and hidden units in all networks of a module; None for that of the weights."""
    for network in module.modules():
        if isinstance(network, _Perceptrons | ConvNet):
            network.products = products


def encoder(n_features: int, n_latent: int, hidden: int) -> PairedMLP:
    """E_A and E_B: features to latent coordinates."""
    return PairedMLP((n_features, hidden, n_latent))


def generator(n_features: int, n_latent: int, hidden: int) -> PairedMLP:
    """G_A and G_B: latent coordinates to features."""
    return PairedMLP((n_latent, hidden, n_features))


def discriminator(n_features: int, hidden: int) -> PairedMLP:
    """D_A and D_B: features to one logit of "a real cell of this domain", clamped to ±50."""
    return PairedMLP((n_features, hidden, hidden, 1), limit=SCORE_LIMIT)


@torch.no_grad()
def draw_normal(module: nn.Module, sd: float, generator: torch.Generator) -> None:
    """Fill all weights and biases with N(0, sd), for any fan-in, in the order of ``module.parameters()``."""
    for parameter in module.parameters():
        parameter.normal_(0.0, sd, generator=generator)


@torch.no_grad()
def draw_glorot(module: nn.Module, generator: torch.Generator) -> None:
    """Fill weights with U(-a, a), a = √(6 / (inputs + outputs)), and biases with 0, network by network.

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 16.
    """
    for network in module.modules():
        if isinstance(network, _Perceptrons | ConvNet):
            for weight, bias in zip(network.weights, network.biases, strict=True):
                ends = weight.shape[1:] if isinstance(network, _Perceptrons) else weight.shape[:2]
                # A unit of a convolution has one input and one output per position of the kernel.
                places = weight[0, 0].numel() if weight.dim() == 4 else 1
                bound = math.sqrt(6.0 / (places * sum(ends)))
                weight.uniform_(-bound, bound, generator=generator)
                bias.zero_()
