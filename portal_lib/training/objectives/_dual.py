"""What dual GANs share: a generator from each domain into the other, a discriminator in each, and their game."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from portal_lib.errors import ConfigError, ShapeError
from portal_lib.training import losses
from portal_lib.training.networks import MLP, ConvNet, draw_glorot


class DualNetworks(nn.Module):
    """G_AB, G_BA, D_A and D_B. Domains are named ``"a"`` and ``"b"``, and may have different widths.

    Parameters
    ----------
    n_features_a, n_features_b
        Widths of the domains.
    generator, discriminator
        What makes a network, from the numbers of its inputs and outputs, and from the number of its inputs.
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
    """A batch of each domain, and where it goes; each is computed when it is first asked for.

    Attributes
    ----------
    x
        Cells as measured, by domain.
    translated
        By the domain they lie in: ``translated["b"]`` is x_AB = G_AB(x_A).
    reconstructed
        By domain: ``reconstructed["a"]`` is x_ABA = G_BA(G_AB(x_A)).
    """

    def __init__(self, networks: DualNetworks, x_a: torch.Tensor, x_b: torch.Tensor):
        self._networks = networks
        self.x = {"a": x_a, "b": x_b}

    @cached_property
    def translated(self) -> dict[str, torch.Tensor]:
        """x_BA and x_AB, by the domain they lie in."""
        return {to: self._networks.translate(self.x[of], of) for to, of in ("ab", "ba")}

    @cached_property
    def reconstructed(self) -> dict[str, torch.Tensor]:
        """x_ABA and x_BAB, by domain."""
        return {to: self._networks.translate(self.translated[of], of) for to, of in ("ab", "ba")}


@dataclass(frozen=True, kw_only=True)
class DualGAN:
    """Two generators against two discriminators, with reconstruction; the generators move first.

    Parameters
    ----------
    lambda_rec
        Weight of the reconstruction terms.
    augment_reconstructions
        Show reconstructions to the discriminators as real cells (manifold data augmentation).
    augment_start
        First step in which they are shown; early reconstructions are poor, and can lead to collapse.
    hidden_g, hidden_d
        Units of the hidden layers of each generator and each discriminator.
    image
        Height and width, divisible by 4, where the features of both domains are pixels, row by row: the networks are
        then convolutional (:class:`portal_lib.training.networks.ConvNet`) and `hidden_g`, `hidden_d` have no effect.
    leak
        Slope of Leaky ReLU below 0.
    learning_rate, betas
        Of both Adam optimisers.

    Notes
    -----
    Terms in the history are unweighted: ``gan_ab``, ``gan_ba``, ``reconstruction_a``, ``reconstruction_b`` of player
    G; ``real_a``, ``fake_a``, ``reconstructed_a`` (0 before `augment_start`; not there without augmentation) and the
    same of B of player D. Weights of D get no gradient from G's loss, translated cells none from D's.
    """

    lambda_rec: float = 1.0
    augment_reconstructions: bool = False
    augment_start: int = 1000
    hidden_g: tuple[int, ...] = (200, 100, 50)
    hidden_d: tuple[int, ...] = (800, 400, 200, 100, 50)
    image: tuple[int, int] | None = None
    leak: float = 0.2
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.99)

    players: ClassVar[tuple[str, ...]] = ("G", "D")
    remedy: ClassVar[str] = "Lower the learning rate."
    # Whether a player lowers the mean of its terms or their sum, and how far a reconstruction is from its cell.
    mean_of_terms: ClassVar[bool] = False
    distance: ClassVar = staticmethod(losses.squared_error)

    def __post_init__(self):
        for name in ("hidden_g", "hidden_d", "betas", "image"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        if wrong := list(self._problems()):
            raise ConfigError(f"{self.name}: {'; '.join(wrong)}.")

    def _problems(self) -> Iterator[str]:
        """What is wrong with the parameters."""
        yield from _not_numbers(self, "a number of at least 0", "lambda_rec", "leak")
        yield from _not_numbers(self, "a number above 0", "learning_rate", above=True)
        if not isinstance(self.augment_reconstructions, bool):
            yield f"augment_reconstructions is {self.augment_reconstructions!r}, must be True or False"
        if not _whole(self.augment_start, 0):
            yield f"augment_start is {self.augment_start!r}, must be a whole number of at least 0"
        for name in ("hidden_g", "hidden_d"):
            if not isinstance(units := getattr(self, name), tuple) or not all(_whole(n, 1) for n in units):
                yield f"{name} is {units!r}, must be whole numbers of at least 1"
        image = self.image
        if image is not None and not (isinstance(image, tuple) and len(image) == 2 and all(map(_quarters, image))):
            yield f"image is {image!r}, must be None or height and width, both divisible by 4"
        if not isinstance(self.betas, tuple) or len(self.betas) != 2 or not all(_share(b) for b in self.betas):
            yield f"betas is {self.betas!r}, must be two numbers of at least 0 and below 1"

    @property
    def steady_from(self) -> int:
        """The last change is the start of the augmentation."""
        return self.augment_start if self.augment_reconstructions else 0

    def build(self, n_features_a: int, n_features_b: int, generator: torch.Generator) -> DualNetworks:
        """Networks with Glorot-uniform weights and zero biases, float64, on the CPU; any widths fit, but for images.

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
        """Nothing: a plain dual GAN knows no more than the cells."""

    def parameters(self, networks: DualNetworks, player: str) -> list[nn.Parameter]:
        """Weights and biases of both generators, or of both discriminators."""
        if player == "G":
            return [*networks.generator_ab.parameters(), *networks.generator_ba.parameters()]
        return [*networks.discriminator_a.parameters(), *networks.discriminator_b.parameters()]

    def forward(self, networks: DualNetworks, x_a: torch.Tensor, x_b: torch.Tensor) -> DualPass:
        """Translate and reconstruct, as far as a player asks for it."""
        return DualPass(networks, x_a, x_b)

    def losses(self, player: str, networks: DualNetworks, outputs: DualPass, step: int) -> dict[str, torch.Tensor]:
        """Unweighted terms, see the class."""
        if player == "G":
            return self._generator_terms(networks, outputs)
        shown = self.augment_reconstructions and step >= self.augment_start
        return self._discriminator_terms(networks, outputs, "a", shown) | self._discriminator_terms(
            networks, outputs, "b", shown
        )

    def total(self, player: str, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """Weighted sum of the terms, or its share per term (see `mean_of_terms`)."""
        total = sum(self._weight(name) * loss for name, loss in terms.items())
        return total / len(terms) if self.mean_of_terms else total

    def _weight(self, term: str) -> float:
        """Of a term in the total of its player."""
        return self.lambda_rec if term.startswith("reconstruction_") else 1.0

    def _judge(self, scores: torch.Tensor, real: bool) -> torch.Tensor:
        """How far logits are from a label."""
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


def _whole(value, low):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= low


def _quarters(value):
    return _whole(value, 4) and value % 4 == 0


def _share(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 <= value < 1


def _not_numbers(objective, allowed, *names, above=False):
    """A message for each parameter that is not a finite number of at least, or above, 0."""
    for name in names:
        value = getattr(objective, name)
        number = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or (above and value == 0):
            yield f"{name} is {value!r}, must be {allowed}"
