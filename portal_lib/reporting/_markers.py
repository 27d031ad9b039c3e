"""Correlations marker by marker: the rows of the summary that hold them, and how methods compare."""

from collections.abc import Mapping

import pandas as pd

from portal_lib.reporting._align import lead_facts, part_of

MEAN = "Mean"
# A part that counts constant predictions, and is not a marker.
FLAG = "constant_predictions"


def marker_rows(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of a metric that have a value, with a column `marker`: the marker, or :data:`MEAN` for the metric itself.

    Parameters
    ----------
    table
        Rows of one data set of the summary.
    metric
        ``"pearson"`` or ``"spearman"``.
    """
    parts = table["metric"].astype(str).map(part_of)
    kept = table["mean"].notna() & parts.map(lambda name: name[0] == metric and name[1] != FLAG)
    return table[kept].assign(marker=parts[kept].map(lambda name: name[1] or MEAN))


def lead_sentence(table: pd.DataFrame, methods: Mapping[str, Mapping]) -> str:
    """On how many markers the best of the methods with random initialisation exceeds each other method.

    Parameters
    ----------
    table
        From :func:`marker_rows`.
    methods
        Facts by name: label, control, stochastic.

    Returns
    -------
    Plain text; empty with fewer than two such methods. The best has the highest mean over markers. Two methods are
    compared by their means over trainings, on the markers that both have.
    """
    lead = lead_facts(table[table["marker"] != MEAN], methods)
    if lead["best"] is None:
        return ""
    parts = [f"{other['label']} on {other['n_above']} of {other['n']} markers" for other in lead["others"]]
    best = f"Of the methods with random initialisation, {lead['best']} has the highest mean"
    return f"{best}; its correlation is higher than that of {', '.join(parts)}."
