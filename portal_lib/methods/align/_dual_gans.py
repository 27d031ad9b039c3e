"""What the methods of the dual-GAN family share: parameters to objective, training, translation of both domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

# What their facts have in common.
SHARED = {
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
            "default": None,
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "First step in which they are shown; null means half of the training; 0 in the paper.",
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
}

# Parameters that are those of the training; the others are the objective's.
TRAINING = ("training_steps", "batch_size", "precision")


def align_by(objective: type, view: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Train an objective on both domains of a view and translate every cell of both.

    Parameters
    ----------
    objective
        Its class; `shared` and `pairs` of the view are handed to it where it takes them.
    view
        What is known; features are standardised, shared ones with the mean and sd of the cells of both domains, unless
        it says that they need not be.
    params
        Those of the method: of the training (``training_steps``, ``batch_size``, ``precision``), ``network``
        (``"dense"``, or ``"conv"`` for images), and fields of the objective.
    seed, device
        As :func:`portal_lib.training.trainer.fit` takes them.

    Returns
    -------
    Result with `x12` and `x21`, in the units of the domain they lie in, `x121` and `x212` but for images, which take
    much room, and the table ``history``.

    Raises
    ------
    NotApplicable
        ``network`` is ``"conv"`` and the features are no images.
    DivergedError
        A loss is no longer finite.
    """
    from portal_lib.methods._result import Result
    from portal_lib.methods.align._scaling import scales
    from portal_lib.training import inference
    from portal_lib.training.trainer import fit

    found = scales(view)
    scaled = [scale.apply(x, "float32") for scale, x in zip(found, (view.x1, view.x2), strict=True)]
    trained = fit(
        objective(**_weights(objective, view, params)),
        *scaled,
        steps=params["training_steps"],
        batch_size=params["batch_size"],
        seed=seed,
        device=device,
        precision=params["precision"],
        log_every=50,
        progress=False,
    )
    translated = [inference.translate(trained.networks, x, source=of) for x, of in zip(scaled, "ab", strict=True)]
    x12, x21 = (scale.undo(x) for scale, x in zip(found[::-1], translated, strict=True))
    again = {}
    if view.image is None:
        for name, scale, x, of in zip(("x121", "x212"), found, translated, "ba", strict=True):
            again[name] = scale.undo(inference.translate(trained.networks, x, source=of))
    notes = {"training_steps": params["training_steps"], "precision": trained.precision}
    return Result(x12=x12, x21=x21, **again, tables={"history": trained.history}, notes=notes)


def _weights(objective: type, view: TaskInput, params: dict) -> dict:
    """Fields of the objective: the method's parameters, the kind of network, what is known."""
    from dataclasses import fields

    from portal_lib.errors import NotApplicable

    names = {field.name for field in fields(objective)}
    weights = {name: value for name, value in params.items() if name in names}
    if params["augment_start"] is None:
        weights["augment_start"] = params["training_steps"] // 2
    if params["network"] == "conv":
        if view.image is None:
            raise NotApplicable("the features are no images")
        weights["image"] = view.image
    known = {"shared": view.shared, "pairs": view.pairs}
    return weights | {name: value for name, value in known.items() if name in names}
