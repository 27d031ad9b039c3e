"""Time against the number of cells or batches: of the fit, and of the complete workflow from counts to a result."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from portal_lib.reporting.figures import _style
from portal_lib.reporting.figures._scaling import Quantity, draw_panels

FIGURE = {
    "label": "{whole}: time against size",
    "file": "scaling_time.{whole}",
    "tasks": ["integrate"],
    "target": "scaling",
    "formats": ["png", "svg"],
    "inputs": ["scaling", "scaling_fits", "published_scaling", "scaling_machine"],
    "facts": ["methods", "whole", "label"],
}

FIT = Quantity("Time of the fit", "Fit", "seconds", "fit", "time_limit_s")
WHOLE = Quantity("Time from counts to result", "In total", "seconds", "whole_way", "time_limit_s", published=True)


@_style.styled
def draw(
    scaling: pd.DataFrame,
    scaling_fits: pd.DataFrame,
    published_scaling: pd.DataFrame,
    methods: Mapping[str, Mapping],
    whole: str,
    *,
    label: str | None = None,
    scaling_machine: str | None = None,
) -> Figure:
    """Draw the time of the fit, and the time from counts to a result, against the number of cells or batches.

    Parameters
    ----------
    scaling
        Columns source, against, size, method, seed, status, quantity, phase, value, time_limit_s, memory_limit_mb.
    scaling_fits
        Columns source, method, quantity, phase, exponent, ci_low, ci_high, factor, size_min, size_max.
    published_scaling
        Columns method, label, n_cells, quantity, relation (``"="``, or ``">"`` for a lower bound), value, words.
    methods
        Facts by name: label, control.
    whole
        The data set: `source` of both tables.
    label, scaling_machine
        Its display name; processor and so on, for the notes.

    Returns
    -------
    The figure. Points are medians over the successful seeds, bars their range, lines the fitted power law over the
    sizes that it was fitted to; the exponent with its 95 % interval is next to the name of the method. Failed runs have
    marks above the limit, which is a dashed line; published values are stars, lower bounds arrows.

    Raises
    ------
    DataError
        The table has no row of the data set.
    """
    tables = scaling, scaling_fits, published_scaling
    return draw_panels(*tables, methods, whole, [FIT, WHOLE], label or whole, scaling_machine)
