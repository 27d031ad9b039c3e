"""Control: a random real cell of the other domain for every cell. Perfectly superimposed, not aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {"label": "Random pairing", "shares": "_align", "stochastic": True}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Predict rows of the other domain in random order; each is used once before any is reused.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target.
    """
    import numpy as np

    from portal_lib.methods._result import Result

    draw = np.random.default_rng(seed)
    n1, n2 = len(task_input.x1), len(task_input.x2)
    return Result(x12=task_input.x2[_rows(draw, n1, n2)], x21=task_input.x1[_rows(draw, n2, n1)])


def _rows(draw, n, among):
    """`n` row numbers below `among`, from as many permutations as needed."""
    import numpy as np

    return np.concatenate([draw.permutation(among) for _ in range(-(-n // among))])[:n]
