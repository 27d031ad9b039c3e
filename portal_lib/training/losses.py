"""Loss terms.

Functions take tensors of shape (..., n_cells, n_columns) and average over the last two axes, unless noted otherwise:
one value per domain if domains are stacked.
"""

import torch
import torch.nn.functional as F

NORM_FLOOR = 1e-12


def sp(t: torch.Tensor) -> torch.Tensor:
    """sp(t) = log(1 + exp t), exact for every logit within ±50: torch's default turns linear at t = 20."""
    return F.softplus(t, threshold=50.0)


def clamp_to_margin(scores: torch.Tensor, margin: float | None) -> torch.Tensor:
    """c(s) = clamp(s, -margin, margin); its gradient is zero outside. None means no margin (warm-up)."""
    return scores if margin is None else scores.clamp(-margin, margin)


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """L_D = mean[sp(-D(real)) + sp(D(fake))], from scores after the margin."""
    return sp(-real).mean(dim=(-2, -1)) + sp(fake).mean(dim=(-2, -1))


def gan_loss(fake: torch.Tensor) -> torch.Tensor:
    """L_GAN = mean[sp(-D(fake))], non-saturating, from scores after the margin."""
    return sp(-fake).mean(dim=(-2, -1))


def cross_entropy(scores: torch.Tensor, real: bool) -> torch.Tensor:
    """Of sigmoids: -E log σ(D(x)) = mean[sp(-D(x))] for the label "real", -E log(1 - σ(D(x))) = mean[sp(D(x))] else."""
    return sp(-scores if real else scores).mean(dim=(-2, -1))


def least_squares(scores: torch.Tensor, real: bool) -> torch.Tensor:
    """mean[(D(x) - label)²], the label 1 for "real" and 0 else (Mao et al. 2017)."""
    return (scores - float(real)).square().mean(dim=(-2, -1))


def squared_error(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """MSE(x, y) = mean over cells and features of (x - y)²."""
    return (x - y).square().mean(dim=(-2, -1))


def absolute_error(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean over cells and features of |x - y|."""
    return (x - y).abs().mean(dim=(-2, -1))


def pair_loss(translated: torch.Tensor, partner: torch.Tensor, reduction: str) -> torch.Tensor:
    """Sum, or mean, over known pairs of MSE(G(x_i), y_j); the MSE is a mean over features."""
    per_pair = (translated - partner).square().mean(dim=-1)
    return per_pair.sum(dim=-1) if reduction == "sum" else per_pair.mean(dim=-1)


def cosine_loss(translated: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """L_cos = mean over cells of 1 - cos(translated, source); each norm is at least 1e-12."""
    translated = F.normalize(translated, dim=-1, eps=NORM_FLOOR)
    source = F.normalize(source, dim=-1, eps=NORM_FLOOR)
    return (1.0 - (translated * source).sum(dim=-1)).mean(dim=-1)


def autoencoder_loss(reconstructed: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """L_AE = mean over cells and features of (G(E(x)) - x)²."""
    return (reconstructed - x).square().mean(dim=(-2, -1))


def latent_alignment_loss(encoded_again: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """L_LA = mean over cells and latent dimensions of (E(translated) - z)²."""
    return (encoded_again - z).square().mean(dim=(-2, -1))
