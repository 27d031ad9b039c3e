"""Regression as alignment: what is learnt from, in which direction, and what is known anyway.

A method states one function, ``predict(inputs, targets, queries)``; which cells and features these are is decided here.
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

# With two pairs, leaving one out leaves nothing to learn a slope from.
LEAST_PAIRS = 3
ALPHAS = np.logspace(-2, 4, 13)

Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def basis(task_input: TaskInput) -> str:
    """What a regression learns from.

    Returns
    -------
    ``"shared"``: inside each domain, from the shared features to the others. This goes first, since it has every cell
    of a domain to learn from, and known pairs are few. ``"pairs"``: from the features of one cell of a known pair to
    those of the other, where nothing is shared, or nothing but shared features is there.

    Raises
    ------
    NotApplicable
        Neither is known, there are too few pairs, or nothing is left to predict.
    """
    if task_input.shared and any(_others(task_input, side).size for side in (0, 1)):
        return "shared"
    if len(task_input.pairs) >= LEAST_PAIRS:
        return "pairs"
    if task_input.pairs:
        raise NotApplicable(f"{len(task_input.pairs)} known pairs, and a regression needs {LEAST_PAIRS}")
    if task_input.shared:
        raise NotApplicable("every feature is shared, so that none is left to predict")
    raise NotApplicable("neither pairs of cells nor shared features are known")


def align_by(task_input: TaskInput, predict: Predict) -> Result:
    """Translate every cell of both domains by regressions.

    Parameters
    ----------
    task_input
        What is known; not written to.
    predict
        Learns from `inputs`, shape (n, d), and `targets`, shape (n, t), and gives what it expects for `queries`, shape
        (m, d): shape (m, t). All are scaled, float64. Called once for each direction.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target; the notes hold what was learnt from, and the
    number of cells. Shared features of a prediction are the cell's own measured values.

    Raises
    ------
    NotApplicable
        See :func:`basis`.
    """
    known = basis(task_input)
    one_way = _by_shared if known == "shared" else _by_pairs
    n_learnt = len(task_input.pairs) if known == "pairs" else [len(task_input.x2), len(task_input.x1)]
    notes = {"learnt_from": known, "n_cells_learnt_from": n_learnt}
    return Result(x12=one_way(task_input, predict, 0), x21=one_way(task_input, predict, 1), notes=notes)


def _by_pairs(task_input, predict, source):
    """Cells of domain `source` (0 or 1) in the other, learnt from the known pairs."""
    values, rows, target = scaled(task_input), rows_of_pairs(task_input), 1 - source
    made = predict(values[source][rows[source]], values[target][rows[target]], values[source])
    return in_units(task_input, target, made)


def _by_shared(task_input, predict, source):
    """Cells of domain `source` (0 or 1) in the other, learnt inside the other."""
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

    The penalty, one for all targets, is the one of `ALPHAS` with the least squared leave-one-out error.
    """
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=ALPHAS).fit(inputs, targets)
    # scikit-learn gives back one target as a vector.
    return model.predict(queries).reshape(len(queries), targets.shape[1]), float(model.alpha_)
