"""Control: predicts the mean of the other domain for every cell. The lowest error without knowing the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {"label": "Mean predictor", "shares": "_align", "uses_pairs": False}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Predict the mean of every feature of the other domain.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target; all rows of each are equal.
    """
    from portal_lib.methods._result import Result
    from portal_lib.methods.controls._align import mean_cells

    x1, x2 = task_input.x1, task_input.x2
    return Result(x12=mean_cells(x2, len(x1)), x21=mean_cells(x1, len(x2)))
