"""Alignment by regression: training data, directions, and shared features that need no prediction.

A method provides one function, ``predict(inputs, targets, queries)``; this module selects the cells and features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.methods._result import Result
from portal_lib.methods.align._scaling import in_units, rows_of_pairs, scaled

if TYPE_CHECKING:
    from portal_lib.preparation.domains import TaskInput

# Facts of all regressions.
SHARED = {
    "task": "align",
    "output": "translate",
    "environment": "align",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": False,
}

# With two pairs, leave-one-out has a single pair to fit a slope to.
LEAST_PAIRS = 3
ALPHAS = np.logspace(-2, 4, 13)

Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def basis(task_input: TaskInput) -> str:
    """The training data of a regression.

    Returns
    -------
    ``"shared"``: within each domain, from the shared features to the others. Preferred, because every cell of a domain
    is training data, and known pairs are few. ``"pairs"``: from the features of one cell of a known pair to those of
    the other cell, if no feature is shared, or all are.

    Raises
    ------
    NotApplicable
        There are neither shared features nor enough known pairs, or no feature is left to predict.
    """
    if task_input.shared and any(_others(task_input, side).size for side in (0, 1)):
        return "shared"
    if len(task_input.pairs) >= LEAST_PAIRS:
        return "pairs"
    if task_input.pairs:
        raise NotApplicable(f"{len(task_input.pairs)} known pairs; a regression needs {LEAST_PAIRS}")
    if task_input.shared:
        raise NotApplicable("all features are shared, so none is left to predict")
    raise NotApplicable("there are neither known pairs nor shared features")


def align_by(task_input: TaskInput, predict: Predict) -> Result:
    """Translate every cell of both domains by regressions.

    Parameters
    ----------
    task_input
        Input of the method; not changed.
    predict
        Fits `inputs`, shape (n, d), to `targets`, shape (n, t), and returns predictions for `queries`, shape (m, d):
        shape (m, t). All are scaled, float64. Called once per direction.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target; the notes contain the kind and number of training
    samples. Shared features of a prediction are the measured values of the cell.

    Raises
    ------
    NotApplicable
        See :func:`basis`.
    """
    learnt_from = basis(task_input)
    one_way = _by_shared if learnt_from == "shared" else _by_pairs
    n_cells = len(task_input.pairs) if learnt_from == "pairs" else [len(task_input.x2), len(task_input.x1)]
    notes = {"learnt_from": learnt_from, "n_cells_learnt_from": n_cells}
    return Result(x12=one_way(task_input, predict, 0), x21=one_way(task_input, predict, 1), notes=notes)


def _by_pairs(task_input, predict, source):
    """Cells of domain `source` (0 or 1) in the other domain, fitted to the known pairs."""
    values, rows, target = scaled(task_input), rows_of_pairs(task_input), 1 - source
    made = predict(values[source][rows[source]], values[target][rows[target]], values[source])
    return in_units(task_input, target, made)


def _by_shared(task_input, predict, source):
    """Cells of domain `source` (0 or 1) in the other domain, fitted within the other domain."""
    values, columns, target = scaled(task_input), np.array(task_input.shared).T, 1 - source
    inputs, queries = values[target][:, columns[target]], values[source][:, columns[source]]
    made, others = np.zeros((len(queries), values[target].shape[1])), _others(task_input, target)
    if others.size:
        made[:, others] = predict(inputs, values[target][:, others], queries)
    found = in_units(task_input, target, made)
    found[:, columns[target]] = (task_input.x1, task_input.x2)[source][:, columns[source]]
    return found


def _others(task_input, side):
    """Columns of a domain (0 or 1) that are not shared."""
    width = (task_input.x1, task_input.x2)[side].shape[1]
    return np.setdiff1d(np.arange(width), [columns[side] for columns in task_input.shared])


def ridge_predictions(inputs: np.ndarray, targets: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, float]:
    """Predictions of a linear model with an intercept, shape (m, t), and its penalty.

    The penalty, one for all targets, minimises the squared leave-one-out error over `ALPHAS`.
    """
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=ALPHAS).fit(inputs, targets)
    # scikit-learn returns a single target as a vector.
    return model.predict(queries).reshape(len(queries), targets.shape[1]), float(model.alpha_)
