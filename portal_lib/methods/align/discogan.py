"""DiscoGAN, which is told nothing of what corresponds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "DiscoGAN",
    "task": "align",
    "output": "translate",
    "shares": "_dual_gans",
    "citation": "Kim et al., ICML 2017, arXiv 1703.05192",
}


def align(view: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Superimpose the domains; see :func:`portal_lib.methods.align._dual_gans.align_by`."""
    from portal_lib.methods.align._dual_gans import align_by
    from portal_lib.training.objectives.discogan import DiscoGan

    return align_by(DiscoGan, view, params, seed, device)
