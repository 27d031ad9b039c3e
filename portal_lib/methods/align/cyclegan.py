"""CycleGAN: translation with cycle consistency, without correspondence."""

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
    "parameters": "portal_lib.alignment.parameters.CycleGanParameters",
    "parameter_names": [
        "lambda_rec",
        "augment_reconstructions",
        "augment_start",
        "hidden_g",
        "hidden_d",
        "learning_rate",
    ],
    "citation": "Zhu et al., ICCV 2017, arXiv 1703.10593",
}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Align the domains without correspondence; see :func:`portal_lib.methods.align._dual_gans.align_by`."""
    from portal_lib.methods.align._dual_gans import align_by

    return align_by("cyclegan", task_input, params, seed, device)
