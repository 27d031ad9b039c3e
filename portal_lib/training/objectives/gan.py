"""The plain dual GAN: MAGAN without correspondence, which superimposes the domains without aligning them."""

from dataclasses import dataclass
from typing import ClassVar

from portal_lib.alignment.parameters import DualGANParameters
from portal_lib.training.objectives._dual import DualGAN


@dataclass(frozen=True, kw_only=True)
class Gan(DualGAN, DualGANParameters):
    """The baseline of the MAGAN paper: adversarial and reconstruction terms only.

    Parameters are those of :class:`portal_lib.alignment.parameters.DualGANParameters`.

    Notes
    -----
    With the reconstruction terms of x_A, x_B and sigmoid cross-entropy of D's logits::

        L_G = [-E log D_B(x_AB) - E log D_A(x_BA) + λ_rec MSE(x_A, x_ABA) + λ_rec MSE(x_B, x_BAB)] / 4
        L_D = [Σ_domains -E log D(x) - E log(1 - D(translated))] / 4

    D is evaluated on a new pass of the same batch, after the update of G.
    :class:`portal_lib.training.objectives.magan.Magan` with ``lambda_corr=0`` and the same augmentation (on by default
    there, off here) gives the same bytes; the plain GAN has its own file so that it has a name where the two are
    compared.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385.
    """

    name: ClassVar[str] = "gan"
    fresh_pass: ClassVar[bool] = True
    mean_of_terms: ClassVar[bool] = True
