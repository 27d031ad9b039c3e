"""Gradient-boosted trees between the domains, one model per feature, on known pairs or on shared features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Boosted trees",
    "task": "align",
    "output": "translate",
    "environment": "align",
    "device": "cpu",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": False,
    "uses_labels": False,
    "control": False,
    "params": {
        "max_iter": {"default": 100, "type": "integer", "minimum": 1, "description": "Trees per feature."},
        "learning_rate": {
            "default": 0.1,
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Weight of each tree.",
        },
        "max_leaf_nodes": {"default": 31, "type": "integer", "minimum": 2, "description": "Leaves of a tree, at most."},
        "min_samples_leaf": {
            "default": None,
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Cells of a leaf, at least; null means 20, or a fifth of the cells where these are fewer.",
        },
        "max_targets": {
            "default": 500,
            "type": "integer",
            "minimum": 1,
            "description": "Most features to predict; beyond it the method does not apply.",
        },
    },
    "citation": "Friedman 2001, Ann. Stat. 29:1189; Ke et al. 2017, NeurIPS (LightGBM)",
}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """One model of boosted trees per feature and direction, by scikit-learn's histograms.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target. Shared features are the cell's own values. The
    notes hold what was learnt from.

    Raises
    ------
    NotApplicable
        There are neither shared features nor three known pairs, nothing is left to predict, or too much.

    Notes
    -----
    Squared error, no early stopping, so that nothing is drawn at random.
    """
    from portal_lib.methods.align import _regression

    def predict(inputs, targets, queries):
        return _predict(inputs, targets, queries, params)

    return _regression.align_by(task_input, predict)


def _predict(inputs, targets, queries, params):
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor

    from portal_lib.errors import NotApplicable

    if targets.shape[1] > params["max_targets"]:
        raise NotApplicable(f"{targets.shape[1]} features to predict, one model each; max_targets is the limit")
    settings = {name: params[name] for name in ("max_iter", "learning_rate", "max_leaf_nodes")}
    # 20 is scikit-learn's own, with which ten pairs would give no split at all.
    least = params["min_samples_leaf"] or max(1, min(20, len(inputs) // 5))
    model = HistGradientBoostingRegressor(**settings, min_samples_leaf=least, early_stopping=False, random_state=0)
    return np.column_stack([model.fit(inputs, target).predict(queries) for target in targets.T])
