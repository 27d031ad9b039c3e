"""Control: cells as they were measured. What every method must beat where both domains have the same features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Untranslated",
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
    """Give every cell its own values as its translation.

    Returns
    -------
    Result with `x12` and `x21`, float32: shared features as they were measured, others the mean of the other domain.

    Raises
    ------
    NotApplicable
        No feature is shared.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result

    if not task_input.shared:
        raise NotApplicable("no feature is shared")
    columns = np.array(task_input.shared)
    made = []
    for own, other, here, there in ((task_input.x1, task_input.x2, 0, 1), (task_input.x2, task_input.x1, 1, 0)):
        x = np.tile(other.mean(axis=0, dtype=np.float64).astype(np.float32), (len(own), 1))
        x[:, columns[:, there]] = own[:, columns[:, here]]
        made.append(x)
    return Result(x12=made[0], x21=made[1])
