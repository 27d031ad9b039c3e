"""Domains on their scales, as the methods of the task "align" take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portal_lib.preparation.standardise import Scale, no_scale, pooled_scales

if TYPE_CHECKING:
    from portal_lib.preparation.domains import TaskInput


def scales(view: TaskInput) -> list[Scale]:
    """Mean and standard deviation of the features of both domains, pooled where they are shared.

    Where `view` says that features are of one scale already, they stay as they are; but pixels, which lie in [0, 1],
    are brought to [-1, 1], so that black and white are alike to a network.
    """
    values = view.x1, view.x2
    if view.image is not None and not view.standardise:
        return [Scale(np.full(x.shape[1], 0.5), np.full(x.shape[1], 0.5)) for x in values]
    return pooled_scales(values, view.shared) if view.standardise else [no_scale(x.shape[1]) for x in values]


def scaled(view: TaskInput) -> list[np.ndarray]:
    """Both domains on their scales, shapes (n1, d1) and (n2, d2), float64."""
    return [scale.apply(x, np.float64) for scale, x in zip(scales(view), (view.x1, view.x2), strict=True)]


def in_units(view: TaskInput, side: int, z: np.ndarray) -> np.ndarray:
    """Scaled cells of domain `side` (0 or 1) in its units, float32."""
    return scales(view)[side].undo(z).astype(np.float32)


def rows_of_pairs(view: TaskInput) -> tuple[np.ndarray, np.ndarray]:
    """Rows of domain 1 and rows of domain 2 of the known pairs, shape (p,) each."""
    rows = np.array(view.pairs, dtype=np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]
