"""Facts on published numbers, compared with those of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portal_lib.reporting._align import part_of
from portal_lib.reporting.figures.published import RATIO, comparison_label, comparison_method

if TYPE_CHECKING:
    from portal_lib.reporting.texts.report import Report


def published_rows(report: Report) -> list[dict]:
    """Rows of the table of published numbers; the number of their source counts from 1 in the order of the rows.

    Returns
    -------
    Dicts of dataset, metric and method (labels), published, ours (None where nothing was run), interval (None of a
    single run), places (decimals), n and source.
    """
    table = report.tables.get("published")
    if table is None:
        return []
    number = {source: i for i, source in enumerate(dict.fromkeys(table["source"]), 1)}
    return [
        {
            "dataset": row.dataset,
            "metric": comparison_label(report.metrics, row.metric),
            "method": comparison_method(report.methods, row.method),
            "published": f"{row.published:.3g}".replace("-", "−"),
            "ours": row.ours if np.isfinite(row.ours) else None,
            "interval": (row.ci_low, row.ci_high) if np.isfinite(row.ci_low) else None,
            "places": 2 if row.metric.startswith(RATIO) else 3,
            "n": row.n,
            "source": number[row.source],
        }
        for row in table.itertuples(index=False)
    ]


def sources(report: Report, dataset: str | None = None, metric: str | None = None) -> list[str]:
    """Each source of published numbers once; those about a data set or a metric if it is given."""
    table = report.tables.get("published")
    if table is None:
        return []
    wanted = [
        dataset in (None, str(row.dataset)) and metric in (None, part_of(str(row.metric))[0])
        for row in table.itertuples()
    ]
    return list(dict.fromkeys(table["source"][wanted]))
