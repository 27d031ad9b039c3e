"""DiscoGAN: DiscoGAN, which is told nothing of what corresponds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import View

METHOD = {
    "label": "DiscoGAN",
    "task": "align",
    "output": "translate",
    "environment": "torch",
    "device": "any",
    "threads": 2,
    "memory_gb": 1,
    "stochastic": True,
    "uses_labels": False,
    "control": False,
    "params": {
        "training_steps": {
            "default": 2000,
            "type": "integer",
            "minimum": 1,
            "description": "Batches to see; the paper has 100,000.",
        },
        "batch_size": {
            "default": 256,
            "type": "integer",
            "minimum": 1,
            "description": "Cells of each domain per step, drawn with replacement; a domain may have fewer.",
        },
        "lambda_rec": {
            "default": 1.0,
            "type": "number",
            "minimum": 0,
            "description": "Weight of the reconstruction terms.",
        },
        "augment_reconstructions": {
            "default": False,
            "type": "boolean",
            "description": "Show reconstructions to the discriminators as real cells.",
        },
        "augment_start": {
            "default": 1000,
            "type": "integer",
            "minimum": 0,
            "description": "First step in which they are shown; 0 in the paper.",
        },
        "network": {
            "default": "dense",
            "type": "string",
            "enum": ["dense", "conv"],
            "description": "Dense layers as in the published code, or convolutions, for images.",
        },
        "hidden_g": {
            "default": [200, 100, 50],
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "description": "Units of the hidden layers of a dense generator.",
        },
        "hidden_d": {
            "default": [800, 400, 200, 100, 50],
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "description": "Units of the hidden layers of a dense discriminator.",
        },
        "learning_rate": {
            "default": 0.001,
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Of both Adam optimisers.",
        },
        "precision": {
            "default": "auto",
            "type": "string",
            "enum": ["auto", "bfloat16", "float32", "float64"],
            "description": "Of matrix products in training; auto: bfloat16 where the device has it, else float32.",
        },
    },
    "citation": "Kim et al., ICML 2017, arXiv 1703.05192",
}


def align(view: View, params: dict, seed: int, device: str) -> Result:
    """Superimpose the domains; see :func:`portal_lib.methods._dual_gans.align_by`."""
    from portal_lib.methods._dual_gans import align_by
    from portal_lib.training.objectives.discogan import DiscoGan

    return align_by(DiscoGan, view, params, seed, device)
