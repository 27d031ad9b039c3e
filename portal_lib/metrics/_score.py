"""Score one space, or one translation, with many metrics."""

import math
from importlib import import_module
from pathlib import Path

from portal_lib.errors import NotApplicable, ShapeError


def score_all(space, truth, metrics):
    """Compute metrics of integration one by one; a metric that does not apply gives its reason.

    Parameters
    ----------
    space
        The integrated :class:`~portal_lib.metrics._space.Space`.
    truth
        Batch and label of the same cells in the same order, :class:`~portal_lib.metrics._space.Truth`.
    metrics
        Names of metrics, which are those of their files.

    Returns
    -------
    One row ``{metric, group, value, reason}`` per metric in the order given. `value` is finite and `reason` empty, or
    `value` is NaN and `reason` says why.

    Raises
    ------
    ShapeError
        `truth` has another number of cells.

    Notes
    -----
    Where cells have the same coordinates, which of them are neighbours is drawn with a fixed seed, so that scores do
    not depend on the order of the rows (:meth:`~portal_lib.metrics._space.Space.settled`).
    """
    if truth.n_cells != space.n_cells:
        raise ShapeError(f"labels and batches of {truth.n_cells} cells for a space of {space.n_cells} cells")
    space, truth = space.settled(truth)
    return [row for name in metrics for row in _rows(name, space, truth)]


def score_translation(translation, correspondence, metrics):
    """Compute metrics of alignment one by one; a metric that does not apply gives its reason.

    Parameters
    ----------
    translation
        Output of a method, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        The ground truth for the same cells, :class:`~portal_lib.metrics.align._translation.Correspondence`.
    metrics
        Names of metrics of the group "align".

    Returns
    -------
    Rows ``{metric, group, value, reason}`` in the order of `metrics`: ``metric``, and ``metric:part`` for each of its
    parts. `value` is finite and `reason` empty, or `value` is NaN and `reason` says why.

    Raises
    ------
    DataError, ShapeError
        `correspondence` does not fit these cells.
    """
    correspondence.check(translation)
    return [row for name in metrics for row in _rows(name, translation, correspondence)]


def _rows(name, *scored):
    """The rows of one metric: its value, and one row per part if it returns a dict."""
    plugin = _load(name)
    group = plugin.METRIC["group"]
    try:
        found = plugin.score(*scored)
    except NotApplicable as error:
        return [{"metric": name, "group": group, "value": math.nan, "reason": str(error)}]
    found = found if isinstance(found, dict) else {"": found}
    return [_row(f"{name}:{part}" if part else name, group, float(value)) for part, value in found.items()]


def _load(name):
    """The module of a metric, in whichever sub-folder it is."""
    file = next(Path(__file__).parent.glob(f"*/{name}.py"))
    return import_module(f"portal_lib.metrics.{file.parent.name}.{name}")


def _row(metric, group, value):
    """One row; a value that is not finite becomes NaN with a reason."""
    if math.isfinite(value):
        return {"metric": metric, "group": group, "value": value, "reason": ""}
    return {"metric": metric, "group": group, "value": math.nan, "reason": f"the value is {value}"}
