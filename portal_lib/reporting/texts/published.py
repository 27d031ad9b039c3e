"""Published numbers and those of this study, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portal_lib.reporting._align import write_number
from portal_lib.reporting._published import RATIO, comparison_label, comparison_method
from portal_lib.reporting.texts.integrate import _cells, _markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def published_markdown(
    comparison: pd.DataFrame,
    methods: Mapping[str, Mapping] | None = None,
    metrics: Mapping[str, Mapping] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Write published numbers and those of this study as a Markdown table, with the sources below it.

    Parameters
    ----------
    comparison
        As :func:`compare_published` makes it.
    methods, metrics
        Facts by name.
    labels
        Display names of data sets.

    Returns
    -------
    The text: "mean (low to high)", or "not run" without a run of the method; empty for an empty table.
    """
    if comparison.empty:
        return ""
    sources = {source: i for i, source in enumerate(dict.fromkeys(comparison["source"]), 1)}
    lines = [
        _cells(["Data set", "Metric", "Method", "Published", "This study (95 % interval)", "Runs", "Source"]),
        _cells(["---", "---", "---", "---:", "---:", "---:", "---:"]),
    ]
    for row in comparison.itertuples(index=False):
        names = (labels or {}).get(row.dataset, row.dataset), comparison_label(metrics or {}, row.metric)
        texts = [*names, comparison_method(methods or {}, row.method)]
        numbers = [f"{row.published:.3g}".replace("-", "−"), _ours(row), str(row.n), str(sources[row.source])]
        lines.append(_cells([*map(_markdown, texts), *numbers]))
    return "\n".join([*lines, "", *(f"{i}. {_markdown(source)}." for source, i in sources.items())]) + "\n"


def _ours(row) -> str:
    if not np.isfinite(row.ours):
        return "not run"
    places = 2 if row.metric.startswith(RATIO) else 3
    mean, ci_low, ci_high = (write_number(value, places) for value in (row.ours, row.ci_low, row.ci_high))
    return f"{mean} ({ci_low} to {ci_high})" if np.isfinite(row.ci_low) else f"{mean} (n=1)"
