"""Control: the ground truth for every cell, or a real cell of its label. The upper end of most metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {"label": "True partner", "shares": "_align", "uses_pairs": False, "uses_labels": True}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Predict the ground truth, as far as it is known.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target. The notes contain, per direction, the share of
    values from each origin.

    Raises
    ------
    NotApplicable
        There is no ground truth: neither targets nor partners, nor labels of both domains.

    Notes
    -----
    A value is taken from the first of these that has it: the target of the cell; its partner in the other domain; a
    real cell with its label (the i-th cell of a label is paired with the i-th of the other domain, in the order of
    rows, starting over if there are fewer); the mean of the feature.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result

    truth = task_input.truth
    if truth is None or _is_empty(truth):
        raise NotApplicable("no ground truth: neither targets nor partners, nor labels of both domains")
    x1, x2, labels = task_input.x1, task_input.x2, (truth.label1, truth.label2)
    guides12 = truth.partner, _same_label(*labels)
    guides21 = _inverse(truth.partner, len(x2)), _same_label(*labels[::-1])
    x12, from12 = _predicted(len(x1), x2, task_input.features2, truth.target12, guides12)
    x21, from21 = _predicted(len(x2), x1, task_input.features1, truth.target21, guides21)
    notes = {"origins_12": from12, "origins_21": from21}
    return Result(x12=np.ascontiguousarray(x12), x21=np.ascontiguousarray(x21), notes=notes)


def _is_empty(truth):
    labels = truth.label1 is not None and truth.label2 is not None
    return not labels and all(part is None for part in (truth.target12, truth.target21, truth.partner))


def _inverse(partner, n2):
    """Row of domain 1 for each cell of domain 2, the first if there are several, -1 if there is none."""
    import numpy as np

    if partner is None:
        return None
    back = np.full(n2, -1)
    for row in np.flatnonzero(partner >= 0)[::-1]:
        back[partner[row]] = row
    return back


def _same_label(labels, labels_there):
    """For each cell a row of the other domain with the same label, -1 if there is none."""
    import numpy as np

    if labels is None or labels_there is None:
        return None
    rows = np.full(len(labels), -1)
    for label in np.unique(labels):
        here, there = np.flatnonzero(labels == label), np.flatnonzero(labels_there == label)
        if there.size:
            rows[here] = np.resize(there, here.size)
    return rows


def _predicted(n, x, features, target, guides):
    """Predictions for `n` cells in the domain `x`, shape (n, d), and the share of values from each origin.

    `guides` are the rows of partners and of cells of the same label, each -1 if there is none, or None.
    """
    import numpy as np

    from portal_lib.methods.controls._align import mean_cells

    made = mean_cells(x, n)
    origin = np.full(made.shape, "mean", dtype="U7")
    for name, rows in zip(("label", "partner"), guides[::-1], strict=True):
        if rows is not None:
            made[rows >= 0], origin[rows >= 0] = x[rows[rows >= 0]], name
    if target is not None:
        given = [name in target.columns for name in features]
        made[:, given] = target[[name for name in features if name in target.columns]].to_numpy(np.float32)
        origin[:, given] = "target"
    names, counts = np.unique(origin, return_counts=True)
    return made, {str(name): float(count / origin.size) for name, count in zip(names, counts, strict=True)}
