"""CycleGAN: cycle-consistent translation."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from portal_lib.alignment.parameters import CycleGanParameters
from portal_lib.training import losses
from portal_lib.training.objectives._dual import DualGAN

GAN_FORMS = {"least_squares": losses.least_squares, "cross_entropy": losses.cross_entropy}


@dataclass(frozen=True, kw_only=True)
class CycleGan(DualGAN, CycleGanParameters):
    """The objective of CycleGAN; both players are evaluated on the same pass.

    Parameters are those of :class:`portal_lib.alignment.parameters.CycleGanParameters`.

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

    name: ClassVar[str] = "cyclegan"
    fresh_pass: ClassVar[bool] = False
    distance: ClassVar = staticmethod(losses.absolute_error)

    def _judge(self, scores: torch.Tensor, real: bool) -> torch.Tensor:
        return GAN_FORMS[self.gan_form](scores, real)

    def _weight(self, term: str) -> float:
        return 0.5 if term.startswith(("real_", "fake_", "reconstructed_")) else super()._weight(term)
