"""CycleGAN, which is told nothing of what corresponds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "CycleGAN",
    "task": "align",
    "output": "translate",
    "shares": "_dual_gans",
    "params": {"lambda_rec": {"default": 10.0}},
    "citation": "Zhu et al., ICCV 2017, arXiv 1703.10593",
}


def align(view: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Superimpose the domains; see :func:`portal_lib.methods.align._dual_gans.align_by`."""
    from portal_lib.methods.align._dual_gans import align_by
    from portal_lib.training.objectives.cyclegan import CycleGan

    return align_by(CycleGan, view, params, seed, device)
