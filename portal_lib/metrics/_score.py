"""Score one space with many metrics."""

import math
from importlib import import_module

from portal_lib.errors import NotApplicable, ShapeError


def score_all(space, truth, metrics):
    """Compute metrics one after the other; one that does not fit gives its reason, and the others go on.

    Parameters
    ----------
    space
        The integrated :class:`~portal_lib.metrics._space.Space`.
    truth
        Batch and label of the same cells in the same order, :class:`~portal_lib.metrics._space.Truth`.
    metrics
        Names of metrics: files of this folder.

    Returns
    -------
    One row ``{metric, group, value, reason}`` per metric in the order given. `value` is finite and `reason` empty, or
    `value` is NaN and `reason` says why.

    Raises
    ------
    ShapeError
        `truth` is about another number of cells.
    """
    if truth.n_cells != space.n_cells:
        raise ShapeError(f"labels and batches of {truth.n_cells} cells for a space of {space.n_cells}")
    return [_row(space, truth, name) for name in metrics]


def _row(space, truth, name):
    """The row of one metric."""
    plugin = import_module(f"portal_lib.metrics.{name}")
    value, reason = math.nan, ""
    try:
        value = float(plugin.score(space, truth))
    except NotApplicable as error:
        reason = str(error)
    if not math.isfinite(value) and not reason:
        value, reason = math.nan, f"the metric came out as {value}"
    return {"metric": name, "group": plugin.METRIC["group"], "value": value, "reason": reason}
