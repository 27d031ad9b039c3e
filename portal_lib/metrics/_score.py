"""Score one space, or one translation, with many metrics."""

import math
from importlib import import_module
from pathlib import Path

from portal_lib.errors import NotApplicable, ShapeError


def score_all(space, truth, metrics):
    """Compute metrics of integration one after the other; one that does not fit gives its reason, the others go on.

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
    return [row for name in metrics for row in _rows(name, space, truth)]


def score_translation(translation, correspondence, metrics):
    """Compute metrics of alignment one after the other; one that does not fit gives its reason, the others go on.

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What is known of the same cells, :class:`~portal_lib.metrics.align._translation.Correspondence`.
    metrics
        Names of metrics of the group "align": files of this folder.

    Returns
    -------
    Rows ``{metric, group, value, reason}`` in the order of `metrics`: one ``metric``, and one ``metric:part`` for
    each part that it has. `value` is finite and `reason` empty, or `value` is NaN and `reason` says why.

    Raises
    ------
    DataError, ShapeError
        `correspondence` is not about these cells.
    """
    correspondence.check(translation)
    return [row for name in metrics for row in _rows(name, translation, correspondence)]


def _rows(name, *scored):
    """The rows of one metric: its value, and a row for each part if it gives a dict of them."""
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
    return {"metric": metric, "group": group, "value": math.nan, "reason": f"the metric came out as {value}"}
