"""Notes below the rank plot."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from portal_lib.reporting._rows import method_label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from portal_lib.reporting.figures.ranks import Ranked


def comparison_notes(
    rows: Sequence[Ranked],
    datasets: Sequence[str],
    ranked: Sequence[str],
    apart: Callable[[str, str], str],
    with_runs: bool,
) -> list[str]:
    """What is drawn, and which methods differ."""
    if len(datasets) > 1:
        what = f"Diamonds: mean over {len(datasets)} data sets, equally weighted, with its 95 % t-interval"
        small = "small points: the data sets"
    else:
        what, small = "Diamonds: mean over seeds with its 95 % t-interval", "small points: single runs"
    notes = [f"{what}; {small}." if len(datasets) > 1 or with_runs else f"{what}."]
    if any(not np.isfinite(row.value.half_width) for row in rows):
        notes[0] += " n=1: no interval."
    over = "data sets" if len(datasets) > 1 else "runs of the same seed (the run of a deterministic method with each)"
    found = {apart(*pair) for pair in combinations(ranked, 2)}
    if "no" in found:
        notes.append(
            f"Bars at the right join indistinguishable methods: the 95 % interval of their differences, paired over "
            f"{over}, includes 0. Intervals are not adjusted for the number of pairs."
        )
    if "unknown" in found:
        notes.append(
            f"Dashed bars: some pair has fewer than two differences, paired over {over}, and so no interval; whether "
            "it differs is unknown."
        )
    if len(datasets) == 2:
        notes.append("Two data sets give wide intervals, with one degree of freedom (t = 12.7).")
    if found == {"yes"}:
        notes.append(
            f"All pairs of methods differ: the 95 % interval of their differences, paired over {over}, excludes 0."
        )
    if not found:
        notes.append("Fewer than two methods have a rank, so that no pair is compared.")
    if any(row.lacking for row in rows):
        notes.append("Without a rank: methods without a score on some data set, whose means are not comparable.")
    if any(row.control for row in rows):
        notes.append("Grey, below the line: controls. They are not ranked.")
    return notes


def missing_note(
    rows: Sequence[Ranked], resources: pd.DataFrame | None, datasets: Sequence[str], methods: Mapping
) -> list[str]:
    """Methods that ran on these data sets but have no score, with their most frequent status."""
    if resources is None:
        return []
    here = resources[resources["dataset"].astype(str).isin(datasets)]
    here = here[~here["method"].astype(str).isin([row.name for row in rows])]
    if here.empty:
        return []
    statuses = here.groupby(here["method"].astype(str))["status"].agg(lambda found: found.value_counts().index[0])
    parts = [f"{method_label(methods, name)} ({word.replace('_', ' ')})" for name, word in statuses.items()]
    return [f"Without a score: {', '.join(parts)}."]
