"""Adapter of the methods of the dual-GAN family: from the input of a task to :func:`portal_lib.align`, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.alignment.align import Alignment
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

# Facts shared by the methods.
SHARED = {
    "environment": "torch",
    "device": "any",
    "threads": 2,
    "stochastic": True,
    "has_model": True,
    "parameters": "portal_lib.alignment.parameters.TrainingParameters",
    "parameter_names": ["training_steps", "batch_size", "precision"],
    "params": {
        "network": {
            "default": "dense",
            "type": "string",
            "enum": ["dense", "conv"],
            "description": "Dense layers as in the published code, or convolutions, for images.",
        }
    },
}


def align_by(method: str, task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Train a method of :func:`portal_lib.align` on both domains and translate every cell of both.

    Parameters
    ----------
    method
        Name of the objective.
    task_input
        Both domains, their correspondence, and how features are scaled.
    params
        Parameters of the method; ``network`` is ``"dense"``, or ``"conv"`` for images.
    seed, device
        As for :func:`portal_lib.align`.

    Returns
    -------
    Result with `x12` and `x21` in the units of the target domain, `x121` and `x212` except for images, where they are
    large, the table ``history``, and the notes of :func:`notes_of`.

    Raises
    ------
    NotApplicable
        ``network`` is ``"conv"`` and the features are not images.
    DivergedError
        A loss is no longer finite.
    """
    from portal_lib.alignment.align import align
    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.methods.align._scaling import scale_of

    weights = {name: value for name, value in params.items() if name not in ("network", "n_pcs")}
    if params["network"] == "conv":
        if task_input.image is None:
            raise NotApplicable("the features are no images")
        weights["image"] = task_input.image
    found = align(
        task_input.x1,
        task_input.x2,
        shared=task_input.shared,
        pairs=task_input.pairs,
        method=method,
        scale=scale_of(task_input),
        round_trip=task_input.image is None,
        seed=seed,
        device=device,
        log_every=50,
        progress=False,
        **weights,
    )
    arrays = {name: getattr(found, name) for name in ("x12", "x21", "x121", "x212")}
    models = {method: found.model}
    return Result(**arrays, tables={"history": found.history}, notes=notes_of(found), models=models)


def notes_of(found: Alignment) -> dict:
    """Facts for the record of a run: ``training_steps``, ``precision``, and ``data``, the notes of the alignment.

    These name constant features, which are kept and are 0 when standardised, values far from the others, and a
    correspondence that the method does not use; domains are called x1 and x2, columns by their number.
    """
    record = found.model.record
    steps = record["training"]["training_steps"]
    return {"training_steps": steps, "precision": record["precision"], "data": list(found.notes)}
