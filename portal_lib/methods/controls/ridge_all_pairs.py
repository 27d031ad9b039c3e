"""Control: cross-validated ridge regression on all true pairs. The best that a linear map can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Ridge, all pairs",
    "task": "align",
    "output": "translate",
    "environment": "align",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": True,
    "uses_labels": True,
    "control": True,
    "params": {
        "n_folds": {
            "default": 5,
            "type": "integer",
            "minimum": 2,
            "description": "Folds of the true pairs; each is predicted by a model of the others.",
        }
    },
    "citation": "Hoerl & Kennard 1970, Technometrics 12:55",
}

# Pairs per fold, so that no model is fitted to a handful.
LEAST = 2


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Predict each fold of the true pairs by ridge regression on the others.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target. No cell is predicted by a model fitted to it;
    cells without a partner are predicted by a model of all pairs.

    Raises
    ------
    NotApplicable
        The true pairs are unknown, or fewer than two per fold.

    Notes
    -----
    All features of the source are inputs, and all features of the target are predicted, including shared ones. The
    folds are drawn from `seed`. Penalty as in the method "ridge".
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result

    if task_input.truth is None or task_input.truth.partner is None:
        raise NotApplicable("the true pairs are unknown")
    partner = np.asarray(task_input.truth.partner)
    first = np.flatnonzero(partner >= 0)
    rows = first, partner[first]
    if len(first) < LEAST * params["n_folds"]:
        raise NotApplicable(f"{len(first)} true pairs are too few for {params['n_folds']} folds")
    fold = np.random.default_rng(seed).permutation(np.arange(len(first)) % params["n_folds"])
    return Result(
        x12=_one_way(task_input, rows, fold, 0), x21=_one_way(task_input, rows, fold, 1), notes={"n_pairs": len(first)}
    )


def _one_way(task_input, rows, fold, source):
    """Cells of domain `source` (0 or 1) in the other domain, each fold predicted by a model of the other folds."""
    import numpy as np

    from portal_lib.methods.align._regression import ridge_predictions
    from portal_lib.methods.align._scaling import in_units, scaled

    values = scaled(task_input)
    inputs, targets = values[source], values[1 - source]
    here, there = rows[source], rows[1 - source]
    made = np.empty((len(inputs), targets.shape[1]))
    alone = np.setdiff1d(np.arange(len(inputs)), here)
    if alone.size:
        made[alone], _ = ridge_predictions(inputs[here], targets[there], inputs[alone])
    for part in np.unique(fold):
        seen = fold != part
        made[here[~seen]], _ = ridge_predictions(inputs[here[seen]], targets[there[seen]], inputs[here[~seen]])
    return in_units(task_input, 1 - source, made)
