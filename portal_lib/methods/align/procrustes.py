"""Procrustes: the rotation and scaling of principal components that superimpose the known pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Procrustes",
    "task": "align",
    "output": "translate",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": False,
    "params": {
        "n_components": {
            "default": None,
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Principal components of each domain, at most; null means as many as the data allow.",
        }
    },
    "citation": "Schönemann 1966, Psychometrika 31:1; Wang & Mahadevan 2008, ICML",
}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Rotate and scale the principal components of one domain onto those of the other.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target. The notes contain the number of components and the
    scales.

    Raises
    ------
    NotApplicable
        There are fewer than two known pairs, or all of their cells coincide.

    Notes
    -----
    With q = min(d1, d2, p - 1) components A and B of the p pairs, centred on their means::

        AᵀB = U S Vᵀ,  R = U Vᵀ,  s = tr(S) / ‖A‖²,  x12 = (s A R + mean of B) back through the PCA of domain 2

    and vice versa. The PCA of a domain uses all its cells and scaled features.
    """
    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.methods.align._scaling import in_units, rows_of_pairs, scaled

    n_pairs = len(task_input.pairs)
    if n_pairs < 2:
        raise NotApplicable(f"known pairs: {n_pairs}; a rotation needs two")
    q = min(task_input.x1.shape[1], task_input.x2.shape[1], n_pairs - 1, params["n_components"] or n_pairs)
    spaces = [_principal(x, q) for x in scaled(task_input)]
    rows = rows_of_pairs(task_input)
    x12, s12 = _rotated(spaces[0], spaces[1], rows)
    x21, s21 = _rotated(spaces[1], spaces[0], rows[::-1])
    notes = {"n_components": q, "scale_12": s12, "scale_21": s21}
    return Result(x12=in_units(task_input, 1, x12), x21=in_units(task_input, 0, x21), notes=notes)


def _principal(x, q):
    """Scores (n, q), axes (q, d) and centre (d,) of the first q principal components."""
    import numpy as np

    centre = x.mean(axis=0)
    left, sizes, axes = np.linalg.svd(x - centre, full_matrices=False)
    return left[:, :q] * sizes[:q], axes[:q], centre


def _rotated(source, target, rows):
    """Cells of `source` in the features of `target`, and the scale; `rows` are the known pairs in each."""
    import numpy as np

    from portal_lib.errors import NotApplicable

    (a, _, _), (b, axes, centre) = source, target
    mean_a, mean_b = a[rows[0]].mean(axis=0), b[rows[1]].mean(axis=0)
    paired_a, paired_b = a[rows[0]] - mean_a, b[rows[1]] - mean_b
    size = (paired_a**2).sum()
    if size < 1e-12 * (a**2).sum():
        raise NotApplicable("all cells of the known pairs coincide")
    u, s, vt = np.linalg.svd(paired_a.T @ paired_b)
    scale = s.sum() / size
    return (scale * (a - mean_a) @ (u @ vt) + mean_b) @ axes + centre, float(scale)
