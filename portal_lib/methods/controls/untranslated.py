"""Control: cells keep their measured values. The baseline where both domains measure the same features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {"label": "Untranslated", "shares": "_align", "uses_pairs": False}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Use the measured values of every cell as its translation.

    Returns
    -------
    Result with `x12` and `x21`, float32: shared features as measured, other features the mean of the other domain.

    Raises
    ------
    NotApplicable
        No feature is shared.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.methods.controls._align import mean_cells

    if not task_input.shared:
        raise NotApplicable("no feature is shared")
    columns = np.array(task_input.shared)
    made = []
    for own, other, here, there in ((task_input.x1, task_input.x2, 0, 1), (task_input.x2, task_input.x1, 1, 0)):
        x = mean_cells(other, len(own))
        x[:, columns[:, there]] = own[:, columns[:, here]]
        made.append(x)
    return Result(x12=made[0], x21=made[1])
