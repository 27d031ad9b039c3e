"""Control: every cell is given the mean of the other domain. The least error that knows nothing of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Mean predictor",
    "task": "align",
    "output": "translate",
    "environment": "core",
    "device": "cpu",
    "threads": 1,
    "memory_gb": 1,
    "stochastic": False,
    "uses_pairs": False,
    "uses_labels": False,
    "control": True,
    "params": {},
    "citation": "none",
}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """The mean of every feature of the other domain.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target; all rows of each are the same.
    """
    import numpy as np

    from portal_lib.methods._result import Result

    means = [x.mean(axis=0, dtype=np.float64).astype(np.float32) for x in (task_input.x1, task_input.x2)]
    return Result(x12=np.tile(means[1], (len(task_input.x1), 1)), x21=np.tile(means[0], (len(task_input.x2), 1)))
