"""DiscoGAN: cross-domain relations from reconstruction."""

from dataclasses import dataclass
from typing import ClassVar

from portal_lib.alignment.parameters import DualGANParameters
from portal_lib.training.objectives._dual import DualGAN


@dataclass(frozen=True, kw_only=True)
class DiscoGan(DualGAN, DualGANParameters):
    """The objective of DiscoGAN; both players are evaluated on the same pass.

    Parameters are those of :class:`portal_lib.alignment.parameters.DualGANParameters`.

    Notes
    -----
    ::

        L_G = -E log D_B(x_AB) - E log D_A(x_BA) + λ_rec MSE(x_A, x_ABA) + λ_rec MSE(x_B, x_BAB)
        L_D = Σ_domains -E log D(x) - E log(1 - D(translated))

    Formulas of the paper. Departs from its published code, which is for images: networks and optimiser are those of
    MAGAN, no feature matching, and the weight of the reconstruction does not change with the step.

    References
    ----------
    Kim et al., ICML 2017, arXiv 1703.05192.
    """

    name: ClassVar[str] = "discogan"
    fresh_pass: ClassVar[bool] = False
