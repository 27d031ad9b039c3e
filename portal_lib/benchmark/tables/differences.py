"""Paired differences between methods: which of two is better, and whether the interval excludes 0."""

from collections.abc import Collection
from itertools import combinations

import pandas as pd
from numpy.typing import ArrayLike

from portal_lib._intervals import mean_row
from portal_lib.benchmark.tables.aggregate import ALL
from portal_lib.benchmark.tables.overall import FAMILIES, SAME

DIFFERENCE_COLUMNS = [
    *("dataset", "scaling", "group", "method_a", "method_b", "n", "n_pairs", "mean", "half_width", "ci_low", "ci_high"),
    "ci_excludes_zero",
]


def paired_differences(
    per_run: pd.DataFrame, deterministic: Collection[str] = (), missing: str = "ignore"
) -> pd.DataFrame:
    """Differences of overall scores between every two methods, run by run, with their intervals.

    Parameters
    ----------
    per_run
        As :func:`portal_lib.benchmark.tables.overall.overall_scores` returns it.
    deterministic
        Names of the methods whose result does not depend on the seed.
    missing
        Which treatment of missing values is compared.

    Returns
    -------
    Columns dataset, scaling, group (``overall``, ``portal_overall``), method_a, method_b, n, n_pairs, mean, half_width,
    ci_low, ci_high and ci_excludes_zero; `mean` is that of method_a - method_b. One row per data set and two methods
    that both have a score there, and, where there are several data sets, one of data set ``"*"``, all of them.
    `ci_excludes_zero` is ``yes`` or ``no``, and ``unknown`` where there is no 95 % interval.

    Notes
    -----
    On one data set the runs with the same seed are pairs, and the interval is over pairs: n = n_pairs. The one run of a
    deterministic method is paired with every run of the other; of two such methods there is one pair, without an
    interval.

    Over several data sets the differences are averaged on each, and the interval is over these means: n data sets,
    each counting once. Seeds on the same data set are not independent samples of what another data set would show, and
    pooling them would make intervals that are too narrow. With two data sets t is 12.7, so few differences are
    significant; the rows of each data set have the intervals over seeds.

    Intervals are mean +- t(0.975, n - 1) sd / sqrt(n), each with 95 % coverage on its own, not for all pairs together.
    """
    rows = per_run[(per_run["missing"] == missing) & per_run["group"].isin([family.overall for family in FAMILIES])]
    found = []
    for key, runs in rows.dropna(subset="value").groupby(["scaling", "group", "dataset"], sort=False):
        found += [(*key, *row) for row in _on_one_dataset(runs, set(deterministic))]
    columns = ["scaling", "group", "dataset", *DIFFERENCE_COLUMNS[3:]]
    table = pd.DataFrame(found, columns=columns)
    if rows["dataset"].nunique() > 1:
        table = pd.concat([table, _over_datasets(table)], ignore_index=True)
    table = table.assign(last=table["dataset"] == ALL)
    by = ["last", "dataset", "scaling", "group", "method_a", "method_b"]
    return table.sort_values(by, ignore_index=True)[DIFFERENCE_COLUMNS]


def _on_one_dataset(runs: pd.DataFrame, deterministic: set[str]) -> list[tuple]:
    """Rows from method_a on, of all pairs that share a seed."""
    values = {method: dict(zip(rows["seed"], rows["value"], strict=True)) for method, rows in runs.groupby("method")}
    once = {name for name, by_seed in values.items() if name in deterministic and len(by_seed) == 1}
    made = []
    for a, b in combinations(sorted(values), 2):
        differences = _pairs(values[a], values[b], a in once, b in once)
        if differences:
            made.append((a, b, *_row(differences, len(differences))))
    return made


def _pairs(a: dict[int, float], b: dict[int, float], a_once: bool, b_once: bool) -> list[float]:
    """Differences of the runs that belong together; a single run of a deterministic method is paired with each."""
    if a_once and b_once:
        return [next(iter(a.values())) - next(iter(b.values()))]
    if a_once or b_once:
        one = next(iter((a if a_once else b).values()))
        return [one - value for value in b.values()] if a_once else [value - one for value in a.values()]
    return [a[seed] - b[seed] for seed in sorted(set(a) & set(b))]


def _over_datasets(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of all data sets together, from the means on each."""
    rows = []
    for (scaling, group, a, b), here in table.groupby(["scaling", "group", "method_a", "method_b"], sort=False):
        rows.append((scaling, group, ALL, a, b, *_row(here["mean"], here["n_pairs"].sum())))
    return pd.DataFrame(rows, columns=table.columns)


def _row(values: ArrayLike, n_pairs: int) -> tuple:
    """n, n_pairs, mean, half_width, ci_low, ci_high and ci_excludes_zero."""
    n, mean, _, half, low, high = mean_row(values)
    # A difference within rounding is 0.
    excludes_zero = "yes" if low > SAME or high < -SAME else "no"
    return n, n_pairs, mean, half, low, high, excludes_zero if n > 1 else "unknown"
