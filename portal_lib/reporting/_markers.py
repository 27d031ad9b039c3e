"""Correlations marker by marker: the rows of the summary that hold them, and how methods compare."""

from collections.abc import Mapping

import pandas as pd

from portal_lib.reporting._align import part_of
from portal_lib.reporting._rows import facts_of, method_label

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
    values = table[table["marker"] != MEAN].pivot_table(index="marker", columns="method", values="mean")
    random = [name for name in values if _is_random(facts_of(methods, name))]
    names = sorted(random, key=lambda name: (-values[name].mean(), name))
    if len(names) < 2:
        return ""
    best, parts = method_label(methods, names[0]), []
    for name in names[1:]:
        pair = values[[names[0], name]].dropna()
        n_above = int((pair[names[0]] > pair[name]).sum())
        parts.append(f"{method_label(methods, name)} on {n_above} of {len(pair)} markers")
    lead = f"Of the methods with random initialisation, {best} has the highest mean"
    return f"{lead}; its correlation is higher than that of {', '.join(parts)}."


def _is_random(facts: Mapping) -> bool:
    return bool(facts.get("stochastic")) and not facts.get("control")
