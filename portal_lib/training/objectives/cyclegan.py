"""CycleGAN: cycle-consistent translation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from portal_lib.training import losses
from portal_lib.training.objectives._dual import DualGAN

GAN_FORMS = {"least_squares": losses.least_squares, "cross_entropy": losses.cross_entropy}


@dataclass(frozen=True, kw_only=True)
class CycleGan(DualGAN):
    """The objective of CycleGAN; both players are judged on the same pass.

    Parameters
    ----------
    lambda_rec
        Weight of the cycle terms.
    gan_form
        How logits are judged: ``"least_squares"``, as published, or ``"cross_entropy"``.
    augment_reconstructions, augment_start, hidden_g, hidden_d, image, leak, learning_rate, betas
        As in :class:`portal_lib.training.objectives._dual.DualGAN`.

    Notes
    -----
    With least squares::

        L_G = E (D_B(x_AB) - 1)² + E (D_A(x_BA) - 1)² + λ_rec E |x_ABA - x_A| + λ_rec E |x_BAB - x_B|
        L_D = ½ Σ_domains E (D(x) - 1)² + E D(translated)²

    Departs from the published code, which is for images: networks and optimiser are those of MAGAN, no buffer of
    earlier translations, no identity term (which needs domains of one width), no decay of the learning rate.

    References
    ----------
    Zhu et al., ICCV 2017, arXiv 1703.10593.
    """

    lambda_rec: float = 10.0
    gan_form: str = "least_squares"

    name: ClassVar[str] = "cyclegan"
    fresh_pass: ClassVar[bool] = False
    distance: ClassVar = staticmethod(losses.absolute_error)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.gan_form not in GAN_FORMS:
            yield f"gan_form is {self.gan_form!r}, must be {' or '.join(map(repr, GAN_FORMS))}"

    def _judge(self, scores: torch.Tensor, real: bool) -> torch.Tensor:
        return GAN_FORMS[self.gan_form](scores, real)

    def _weight(self, term: str) -> float:
        return 0.5 if term.startswith(("real_", "fake_", "reconstructed_")) else super()._weight(term)
