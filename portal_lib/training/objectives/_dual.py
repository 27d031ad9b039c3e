"""The shared part of dual GANs: a generator from each domain to the other and a discriminator in each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch
from torch import nn

from portal_lib._parameters import defaults_of
from portal_lib.alignment.parameters import TrainingParameters
from portal_lib.errors import ShapeError
from portal_lib.training import losses
from portal_lib.training.networks import MLP, ConvNet, draw_glorot

# The fields come from the dataclass of each objective: inherited here, too, they would reset its defaults.
if TYPE_CHECKING:
    from portal_lib.alignment.parameters import DualGANParameters as _Fields
else:
    _Fields = object

DEFAULT_STEPS = defaults_of(TrainingParameters)["training_steps"]


class DualNetworks(nn.Module):
    """G_AB, G_BA, D_A and D_B. Domains are named ``"a"`` and ``"b"``, and may have different widths.

    Parameters
    ----------
    n_features_a, n_features_b
        Widths of the domains.
    generator, discriminator
        Functions that make a network, of the numbers of inputs and outputs, and of the number of inputs.
    """

    def __init__(self, n_features_a: int, n_features_b: int, generator: Callable, discriminator: Callable):
        super().__init__()
        self.generator_ab = generator(n_features_a, n_features_b)
        self.generator_ba = generator(n_features_b, n_features_a)
        self.discriminator_a = discriminator(n_features_a)
        self.discriminator_b = discriminator(n_features_b)
        self.n_features = {"a": n_features_a, "b": n_features_b}

    def translate(self, x: torch.Tensor, source: str) -> torch.Tensor:
        """G_AB(x) for source ``"a"``, G_BA(x) for source ``"b"``: (n, n_features) to (n, n_features of the other)."""
        return (self.generator_ab if source == "a" else self.generator_ba)(x)

    def discriminate(self, x: torch.Tensor, domain: str, *, frozen: bool = False) -> torch.Tensor:
        """D of one domain: (n, n_features) to logits (n, 1), higher is more real. Frozen: no gradient for D."""
        return (self.discriminator_a if domain == "a" else self.discriminator_b)(x, frozen=frozen)


class DualPass:
    """A batch of each domain with its translations and reconstructions, each computed on first use.

    Attributes
    ----------
    x
        Measured cells, by domain.
    translated
        Translated cells by target domain: ``translated["b"]`` is x_AB = G_AB(x_A).
    reconstructed
        Reconstructed cells by domain: ``reconstructed["a"]`` is x_ABA = G_BA(G_AB(x_A)).
    """

    def __init__(self, networks: DualNetworks, x_a: torch.Tensor, x_b: torch.Tensor):
        self._networks = networks
        self.x = {"a": x_a, "b": x_b}

    @cached_property
    def translated(self) -> dict[str, torch.Tensor]:
        """x_BA and x_AB, by target domain."""
        return {to: self._networks.translate(self.x[of], of) for to, of in ("ab", "ba")}

    @cached_property
    def reconstructed(self) -> dict[str, torch.Tensor]:
        """x_ABA and x_BAB, by domain."""
        return {to: self._networks.translate(self.translated[of], of) for to, of in ("ab", "ba")}


class DualGAN(_Fields):
    """Two generators against two discriminators, with reconstruction; the generators are updated first.

    Base of the objectives of this kind, each of which is a frozen dataclass with the fields of
    :class:`portal_lib.alignment.parameters.DualGANParameters`.

    Notes
    -----
    Terms in the history are unweighted: ``gan_ab``, ``gan_ba``, ``reconstruction_a``, ``reconstruction_b`` of player
    G; ``real_a``, ``fake_a``, ``reconstructed_a`` (0 before the augmentation starts; absent without augmentation) and
    the same of B of player D. Weights of D get no gradient from G's loss, translated cells none from D's.
    """

    players: ClassVar[tuple[str, ...]] = ("G", "D")
    same_features: ClassVar[bool] = False
    # Whether a player minimises the mean of its terms or their sum, and the distance of a reconstruction from its cell.
    mean_of_terms: ClassVar[bool] = False
    distance: ClassVar = staticmethod(losses.squared_error)

    def for_steps(self, steps: int) -> Self:
        """The objective of a training of `steps` steps: where `augment_start` is None, it becomes half of them."""
        return self if self.augment_start is not None else replace(self, augment_start=steps // 2)

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        return "Lower the learning rate."

    @property
    def _first_augmented(self) -> int:
        """First step with augmentation; half of the default training for an objective without :meth:`for_steps`."""
        return DEFAULT_STEPS // 2 if self.augment_start is None else self.augment_start

    @property
    def steady_from(self) -> int:
        """The start of the augmentation is the last change."""
        return self._first_augmented if self.augment_reconstructions else 0

    def build(self, n_features_a: int, n_features_b: int, generator: torch.Generator) -> DualNetworks:
        """Networks with Glorot-uniform weights and zero biases, float64, on the CPU; any widths, except for images.

        Raises
        ------
        ShapeError
            The features of a domain are not the pixels of `image`.
        """
        if self.image is not None and not n_features_a == n_features_b == math.prod(self.image):
            raise ShapeError(
                f"{self.name}: domain A has {n_features_a} features, domain B {n_features_b}; images of "
                f"{self.image[0]} × {self.image[1]} have {math.prod(self.image)}, in both domains."
            )
        networks = DualNetworks(n_features_a, n_features_b, self._generator, self._discriminator)
        draw_glorot(networks, generator)
        return networks

    def _generator(self, n_inputs: int, n_outputs: int) -> nn.Module:
        if self.image is None:
            return MLP((n_inputs, *self.hidden_g, n_outputs), leak=self.leak)
        return ConvNet(self.image, leak=self.leak)

    def _discriminator(self, n_inputs: int) -> nn.Module:
        if self.image is None:
            return MLP((n_inputs, *self.hidden_d, 1), leak=self.leak)
        return ConvNet(self.image, n_outputs=1, leak=self.leak)

    def attach(self, networks: DualNetworks, cells_a: np.ndarray, cells_b: np.ndarray) -> None:
        """Does nothing: a plain dual GAN uses the cells only."""

    def parameters(self, networks: DualNetworks, player: str) -> list[nn.Parameter]:
        """Weights and biases of both generators, or of both discriminators."""
        if player == "G":
            return [*networks.generator_ab.parameters(), *networks.generator_ba.parameters()]
        return [*networks.discriminator_a.parameters(), *networks.discriminator_b.parameters()]

    def forward(self, networks: DualNetworks, x_a: torch.Tensor, x_b: torch.Tensor) -> DualPass:
        """Translations and reconstructions, computed as far as a player needs them."""
        return DualPass(networks, x_a, x_b)

    def losses(self, player: str, networks: DualNetworks, outputs: DualPass, step: int) -> dict[str, torch.Tensor]:
        """Unweighted terms, see the class."""
        if player == "G":
            return self._generator_terms(networks, outputs)
        shown = self.augment_reconstructions and step >= self._first_augmented
        return self._discriminator_terms(networks, outputs, "a", shown) | self._discriminator_terms(
            networks, outputs, "b", shown
        )

    def total(self, player: str, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """Weighted sum of the terms, or their mean (see `mean_of_terms`)."""
        total = torch.as_tensor(sum(self._weight(name) * loss for name, loss in terms.items()))
        return total / len(terms) if self.mean_of_terms else total

    def _weight(self, term: str) -> float:
        """Weight of a term in the total of its player."""
        return self.lambda_rec if term.startswith("reconstruction_") else 1.0

    def _judge(self, scores: torch.Tensor, real: bool) -> torch.Tensor:
        """Loss of logits against a label."""
        return losses.cross_entropy(scores, real)

    def _generator_terms(self, networks, outputs):
        fooled = {
            to: self._judge(networks.discriminate(outputs.translated[to], to, frozen=True), real=True) for to in "ab"
        }
        again = {of: self.distance(outputs.reconstructed[of], outputs.x[of]) for of in "ab"}
        return {
            "gan_ab": fooled["b"],
            "gan_ba": fooled["a"],
            "reconstruction_a": again["a"],
            "reconstruction_b": again["b"],
        }

    def _discriminator_terms(self, networks, outputs, domain, shown):
        batches = [outputs.x[domain], outputs.translated[domain].detach()]
        if shown:
            batches.append(outputs.reconstructed[domain].detach())
        scores = networks.discriminate(torch.cat(batches), domain)
        real, fake, *again = scores.split([len(batch) for batch in batches])
        terms = {f"real_{domain}": self._judge(real, real=True), f"fake_{domain}": self._judge(fake, real=False)}
        if self.augment_reconstructions:
            again = self._judge(again[0], real=True) if shown else scores.new_zeros(())
            terms[f"reconstructed_{domain}"] = again
        return terms
