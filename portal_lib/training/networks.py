"""Encoder, generator and discriminator: the same perceptron for each of the two domains, evaluated together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.autograd.function import once_differentiable

SCORE_LIMIT = 50.0


class PairedMLP(nn.Module):
    """Two perceptrons of one shape with weights of their own, one per domain.

    Hidden layers are ReLU, the last is linear. The weights of both lie in one tensor, so that a layer is one batched
    product over both domains.

    Parameters
    ----------
    widths
        Units per layer, the input first.
    limit
        Clamp outputs to [-limit, limit]; None for no clamp.

    Attributes
    ----------
    products
        Precision of the matrix products and hidden units, a torch dtype; None for that of the weights. Weights, inputs
        and outputs are not affected. See :func:`set_products`.

    Notes
    -----
    ``weights[k]`` has shape (2, inputs, outputs), ``biases[k]`` (2, 1, outputs); index 0 is domain A. They are created
    in float64 and without values: see :func:`draw_normal`.
    """

    def __init__(self, widths: Sequence[int], *, limit: float | None = None):
        super().__init__()
        layers = list(pairwise(widths))
        self.weights = nn.ParameterList(torch.empty(2, n_in, n_out, dtype=torch.float64) for n_in, n_out in layers)
        self.biases = nn.ParameterList(torch.empty(2, 1, n_out, dtype=torch.float64) for _, n_out in layers)
        self.limit = limit
        self.products: torch.dtype | None = None

    def forward(self, x: torch.Tensor, *, frozen: bool = False) -> torch.Tensor:
        """Both domains: (2, n, inputs) to (2, n, outputs). The weights of a `frozen` pass get no gradient."""
        return self._run(x, [*self.weights, *self.biases], frozen)

    def one(self, x: torch.Tensor, domain: int) -> torch.Tensor:
        """One domain, 0 or 1: (n, inputs) to (n, outputs)."""
        return self._run(x[None], [p[domain : domain + 1] for p in [*self.weights, *self.biases]], frozen=False)[0]

    def _run(self, x, parameters, frozen):
        if frozen:
            parameters = [parameter.detach() for parameter in parameters]
        out = _Layers.apply(x, self.products or x.dtype, *parameters)
        return out if self.limit is None else out.clamp(-self.limit, self.limit)


class _Layers(torch.autograd.Function):
    """h W + b with ReLU between the layers, products and hidden units in one precision.

    One node of the graph with its gradient written out: hidden units are kept in that precision, the gradient through
    ReLU overwrites itself, and nothing is computed for inputs or weights that need no gradient.
    """

    @staticmethod
    def forward(ctx, x, products, *parameters):
        n_layers = len(parameters) // 2
        weights = [weight.to(products) for weight in parameters[:n_layers]]
        h, inputs = x.to(products), []
        for k, (weight, bias) in enumerate(zip(weights, parameters[n_layers:], strict=True)):
            inputs.append(h)
            h = torch.baddbmm(bias.to(products), h, weight)
            if k < n_layers - 1:
                _bits(h).clamp_min_(0)
        ctx.save_for_backward(*inputs, *weights)
        ctx.needed = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
        return h.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        saved, dtype = ctx.saved_tensors, gradient.dtype
        n_layers = len(saved) // 2
        inputs, weights = saved[:n_layers], saved[n_layers:]
        of_x, of_parameters = ctx.needed
        of_weights, of_biases = [None] * n_layers, [None] * n_layers
        g = gradient.to(weights[0].dtype)
        for k in reversed(range(n_layers)):
            if of_parameters:
                of_weights[k] = torch.bmm(inputs[k].mT, g).to(dtype)
                of_biases[k] = g.sum(dim=1, keepdim=True).to(dtype)
            if k > 0 or of_x:
                # With one output the product is a multiplication, and faster as one.
                g = g * weights[k].mT if g.shape[-1] == 1 else torch.bmm(g, weights[k].mT)
            if k > 0:
                _no_gradient_where_zero_(g, inputs[k])
        return g.to(dtype) if of_x else None, None, *of_weights, *of_biases


def _no_gradient_where_zero_(gradient, hidden):
    """The gradient through ReLU, in place: 0 where it gave 0."""
    gradient, hidden = _bits(gradient), _bits(hidden)
    torch.ops.aten.threshold_backward.grad_input(gradient, hidden, 0, grad_input=gradient)


def _bits(x):
    """bfloat16 on a CPU as integers of the same bits, which have the same sign and the same zero; others as they are.

    torch converts every bfloat16 number to float32 and back, which takes three to four times as long. What differs is
    a NaN whose sign is set: ReLU turns it into 0. So the trainer looks at the weights in the end, too.
    """
    return x.view(torch.int16) if x.dtype is torch.bfloat16 and not x.is_cuda else x


def set_products(module: nn.Module, products: torch.dtype | None) -> None:
    """Set the precision of products and hidden units in all networks of a module; None for that of the weights."""
    for network in module.modules():
        if isinstance(network, PairedMLP):
            network.products = products


def encoder(n_features: int, n_latent: int, hidden: int) -> PairedMLP:
    """E_A and E_B: features to latent coordinates."""
    return PairedMLP((n_features, hidden, n_latent))


def generator(n_features: int, n_latent: int, hidden: int) -> PairedMLP:
    """G_A and G_B: latent coordinates to features."""
    return PairedMLP((n_latent, hidden, n_features))


def discriminator(n_features: int, hidden: int) -> PairedMLP:
    """D_A and D_B: features to one logit, "a real cell of my domain", clamped to ±50."""
    return PairedMLP((n_features, hidden, hidden, 1), limit=SCORE_LIMIT)


@torch.no_grad()
def draw_normal(module: nn.Module, sd: float, generator: torch.Generator) -> None:
    """Fill all weights and all biases with N(0, sd), whatever the fan-in, in the order of ``module.parameters()``."""
    for parameter in module.parameters():
        parameter.normal_(0.0, sd, generator=generator)
