"""Portal: adversarial domain translation through a latent space."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import nn

from portal_lib._parameters import parameter
from portal_lib.alignment.parameters import CheckedParameters, DualGANParameters, redefined
from portal_lib.errors import ShapeError
from portal_lib.portal.parameters import PortalParameters
from portal_lib.training import losses
from portal_lib.training.networks import PairedMLP, discriminator, draw_normal, encoder, generator


class PortalPass(NamedTuple):
    """One forward pass over n cells of each domain. Shape (2, n, columns); index 0 is the space of A, index 1 of B."""

    x: torch.Tensor
    """x_A, x_B"""
    z: torch.Tensor
    """z_A = E_A(x_A), z_B = E_B(x_B)"""
    reconstructed: torch.Tensor
    """x_AA = G_A(z_A), x_BB = G_B(z_B)"""
    translated: torch.Tensor
    """x_BA = G_A(z_B), x_AB = G_B(z_A): cells of the other domain"""
    z_again: torch.Tensor
    """z_BA = E_A(x_BA), z_AB = E_B(x_AB)"""


class PortalNetworks(nn.Module):
    """E, G and D of both domains. Domains are named ``"a"`` and ``"b"``."""

    def __init__(self, n_features: int, n_latent: int, hidden: int):
        super().__init__()
        self.encoder: PairedMLP = encoder(n_features, n_latent, hidden)
        self.generator: PairedMLP = generator(n_features, n_latent, hidden)
        self.discriminator: PairedMLP = discriminator(n_features, hidden)
        self.n_features = {"a": n_features, "b": n_features}
        self.n_latent = n_latent

    def encode(self, x: torch.Tensor, domain: str) -> torch.Tensor:
        """E of one domain: (n, n_features) to (n, n_latent)."""
        return self.encoder.one(x, "ab".index(domain))

    def generate(self, z: torch.Tensor, domain: str) -> torch.Tensor:
        """G of one domain: (n, n_latent) to (n, n_features)."""
        return self.generator.one(z, "ab".index(domain))

    def discriminate(self, x: torch.Tensor, domain: str) -> torch.Tensor:
        """D of one domain: (n, n_features) to raw logits (n, 1) within ±50, without the margin."""
        return self.discriminator.one(x, "ab".index(domain))

    def translate(self, x: torch.Tensor, source: str) -> torch.Tensor:
        """G_B(E_A(x)) for source ``"a"``, G_A(E_B(x)) for source ``"b"``."""
        return self.generate(self.encode(x, source), "ba"["ab".index(source)])


@dataclass(frozen=True)
class Portal(CheckedParameters):
    """The objective of Portal. The discriminators are updated first, then encoders and generators on the same pass.

    Notes
    -----
    ::

        L_D = Σ_domains mean[sp(-c(D(x))) + sp(c(D(translated)))]
        L_G = lambda_gan L_GAN + lambda_cos L_cos + lambda_ae L_AE + lambda_la L_LA

    Terms in the history are unweighted. Departs from the published package: translated cells are detached for the
    discriminators, and the weights of D get no gradient from L_G; the package computes both and discards them.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022), doi 10.1038/s43588-022-00251-y.
    """

    lambda_cos: float = parameter(
        PortalParameters.lambda_cos,
        "number",
        "Weight of the cosine term, the one parameter that the paper tunes: 15 to 50.",
        minimum=0,
    )
    lambda_gan: float = parameter(1.0, "number", "Weight of the adversarial term.", minimum=0)
    lambda_ae: float = redefined(PortalParameters, "lambda_ae")
    lambda_la: float = redefined(PortalParameters, "lambda_la")
    margin: float = redefined(PortalParameters, "margin")
    warmup_steps: int = parameter(6, "integer", "First steps, in which logits are not clamped.", minimum=0)
    n_latent: int = redefined(PortalParameters, "n_latent")
    hidden: int = parameter(512, "integer", "Units of every hidden layer.", minimum=1)
    initial_sd: float = parameter(0.1, "number", "Weights and biases start as N(0, initial_sd).", minimum=0)
    learning_rate: float = redefined(PortalParameters, "learning_rate")
    betas: tuple[float, float] = redefined(DualGANParameters, "betas", default=(0.9, 0.999))

    name: ClassVar[str] = "portal"
    players: ClassVar[tuple[str, ...]] = ("D", "G")
    same_features: ClassVar[bool] = True
    fresh_pass: ClassVar[bool] = False
    remedy: ClassVar[str] = "Lower the learning rate or raise the margin."

    def for_steps(self, steps: int) -> Self:
        """The objective itself: no parameter depends on the length of the training."""
        return self

    @property
    def steady_from(self) -> int:
        """The margin applies from the end of the warm-up on."""
        return self.warmup_steps

    def build(self, n_features_a: int, n_features_b: int, generator: torch.Generator) -> PortalNetworks:
        """Networks with drawn weights, float64, on the CPU.

        Raises
        ------
        ShapeError
            The domains have different numbers of features.
        """
        if n_features_a != n_features_b:
            raise ShapeError(
                f"portal: domain A has {n_features_a} features, domain B {n_features_b}; "
                "both need the same features, such as joint principal components."
            )
        networks = PortalNetworks(n_features_a, self.n_latent, self.hidden)
        draw_normal(networks, self.initial_sd, generator)
        return networks

    def attach(self, networks: PortalNetworks, cells_a: np.ndarray, cells_b: np.ndarray) -> None:
        """Does nothing: Portal uses the cells only."""

    def parameters(self, networks: PortalNetworks, player: str) -> list[nn.Parameter]:
        """Weights and biases of D, or of E and G."""
        if player == "D":
            return list(networks.discriminator.parameters())
        return [*networks.encoder.parameters(), *networks.generator.parameters()]

    def forward(self, networks: PortalNetworks, x_a: torch.Tensor, x_b: torch.Tensor) -> PortalPass:
        """Encode, reconstruct, translate, encode again."""
        x = torch.stack((x_a, x_b))
        z = networks.encoder(x)
        # G_A decodes z_A and z_B in one product, G_B decodes z_B and z_A.
        decoded = networks.generator(torch.cat((z, z.flip(0)), dim=1))
        reconstructed, translated = decoded.split(x.shape[1], dim=1)
        return PortalPass(x, z, reconstructed, translated, networks.encoder(translated))

    def losses(self, player: str, networks: PortalNetworks, outputs: PortalPass, step: int) -> dict[str, torch.Tensor]:
        """Unweighted terms: ``a``, ``b`` of player D; ``gan``, ``cosine``, ``autoencoder``, ``latent`` of player G."""
        margin = self.margin if step >= self.warmup_steps else None
        if player == "D":
            return self._discriminator_losses(networks, outputs, margin)
        return self._generator_losses(networks, outputs, margin)

    def total(self, player: str, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """Weighted sum of the terms."""
        if player == "D":
            return terms["a"] + terms["b"]
        return (
            self.lambda_gan * terms["gan"]
            + self.lambda_cos * terms["cosine"]
            + self.lambda_ae * terms["autoencoder"]
            + self.lambda_la * terms["latent"]
        )

    def _discriminator_losses(self, networks, outputs, margin):
        scores = networks.discriminator(torch.cat((outputs.x, outputs.translated.detach()), dim=1))
        real, fake = losses.clamp_to_margin(scores, margin).chunk(2, dim=1)
        in_a, in_b = losses.discriminator_loss(real, fake)
        return {"a": in_a, "b": in_b}

    def _generator_losses(self, networks, outputs, margin):
        fake = losses.clamp_to_margin(networks.discriminator(outputs.translated, frozen=True), margin)
        # Translated cells are stored in the slot of the other domain: flipping pairs each with its origin.
        return {
            "gan": losses.gan_loss(fake).sum(),
            "cosine": losses.cosine_loss(outputs.translated, outputs.x.flip(0)).sum(),
            "autoencoder": losses.autoencoder_loss(outputs.reconstructed, outputs.x).sum(),
            "latent": losses.latent_alignment_loss(outputs.z_again, outputs.z.flip(0)).sum(),
        }
