"""Ridge regression between the domains, on known pairs or on shared features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {"label": "Ridge", "shares": "_regression", "citation": "Hoerl & Kennard 1970, Technometrics 12:55"}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Fit one linear model per direction.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target. Shared features are the measured values of the
    cell. The notes contain the training data and the penalties of the directions that were fitted.

    Raises
    ------
    NotApplicable
        There are neither shared features nor three known pairs, or nothing is left to predict.

    Notes
    -----
    min over W, b of ‖Y - XW - b‖² + α‖W‖², with scaled features; α, of 10⁻², 10^-1.5, ..., 10⁴, minimises the squared
    leave-one-out error over all targets.
    """
    from portal_lib.methods.align import _regression

    penalties = []

    def predict(inputs, targets, queries):
        made, penalty = _regression.ridge_predictions(inputs, targets, queries)
        penalties.append(penalty)
        return made

    result = _regression.align_by(task_input, predict)
    result.notes["alpha"] = penalties
    return result
