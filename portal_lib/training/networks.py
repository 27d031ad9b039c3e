"""Encoder, generator and discriminator: the same perceptron for each of the two domains, evaluated together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both domains: (2, n, inputs) to (2, n, outputs)."""
        return self._layers(x, list(self.weights), list(self.biases))

    def one(self, x: torch.Tensor, domain: int) -> torch.Tensor:
        """One domain, 0 or 1: (n, inputs) to (n, outputs)."""
        return self._layers(x, [w[domain] for w in self.weights], [b[domain] for b in self.biases])

    def _layers(self, h, weights, biases):
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            h = _affine(h, weight, bias).relu_()
        h = _affine(h, weights[-1], biases[-1])
        return h if self.limit is None else h.clamp(-self.limit, self.limit)


def _affine(h, weight, bias):
    """h W + b. A single output column is a dot product: batched matrix products are several times slower at it."""
    if weight.shape[-1] == 1:
        return (h * weight.mT).sum(dim=-1, keepdim=True) + bias
    product = torch.baddbmm if h.ndim == 3 else torch.addmm
    return product(bias, h, weight)


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
