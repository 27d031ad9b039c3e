"""Scales the domains as the data set requires, for the methods of the task "align"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portal_lib.preparation.standardise import Scale, scales_of

if TYPE_CHECKING:
    from portal_lib.preparation.domains import TaskInput


def scale_of(task_input: TaskInput) -> bool | str:
    """The argument `scale` of :func:`portal_lib.align`; images that are not standardised are scaled as pixels."""
    return "pixels" if task_input.image is not None and not task_input.standardise else task_input.standardise


def scales(task_input: TaskInput) -> list[Scale]:
    """Scales of both domains; shared features are pooled."""
    return scales_of((task_input.x1, task_input.x2), scale_of(task_input), task_input.shared)


def scaled(task_input: TaskInput) -> list[np.ndarray]:
    """Scaled values of both domains, shapes (n1, d1) and (n2, d2), float64."""
    return [
        scale.apply(x, np.float64) for scale, x in zip(scales(task_input), (task_input.x1, task_input.x2), strict=True)
    ]


def in_units(task_input: TaskInput, side: int, z: np.ndarray) -> np.ndarray:
    """Scaled cells of domain `side` (0 or 1) in its units, float32."""
    return scales(task_input)[side].undo(z).astype(np.float32)


def rows_of_pairs(task_input: TaskInput) -> tuple[np.ndarray, np.ndarray]:
    """Rows of domain 1 and rows of domain 2 of the known pairs, shape (p,) each."""
    rows = np.array(task_input.pairs, dtype=np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]
